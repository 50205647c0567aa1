"""What the tests of state.json share: two things to keep, a start, and what is on disk."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from supervisor.guardian.keep import FORMAT, Content, Disk, Keeper, decoded
from supervisor.kernel.keep import Kept, KeptContactor, guarded, kept
from supervisor.kernel.plan import Plan
from supervisor.kernel.state import boot
from supervisor.loader.load import load

LOADED = load(Path("policies/uc001"))
PLAN: Plan = guarded(LOADED.plan)
COIL = "relays.coil_1"
OLD = Kept({COIL: KeptContactor(closings=1)})
NEW = Kept({COIL: KeptContactor(closings=2, latch="welded")}, {"limits.fuse": "yes"}, {"wallbox.current": "anna"}, True)
SITE = LOADED.site.name


def content(what: Kept, **changes: Any) -> Content:
    return msgspec.structs.replace(Content(FORMAT, SITE, "2026-01-01T00:00:00+00:00", what), **changes)


def until(condition: Callable[[], Any]) -> None:
    pause = threading.Event()
    for _ in range(1_000):
        if condition():
            return
        pause.wait(0.01)
    raise AssertionError("never")


def on_disk(folder: Path) -> Kept:
    return decoded((folder / "state.json").read_bytes()).kept


def found(folder: Path) -> Kept:
    """What a start makes of the folder."""
    return kept(PLAN, Keeper(folder, SITE).begin(PLAN, boot(PLAN, 1_000)))


def run_once(folder: Path, disk: Disk | None = None) -> Keeper:
    """A start and a stop."""
    keeper = Keeper(folder, SITE, disk)
    keeper.begin(PLAN, boot(PLAN, 1_000))
    keeper.start()
    keeper.stop()
    return keeper
