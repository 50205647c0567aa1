"""state.json on a disk: cut at any call it is old or new, and a disk that refuses costs nobody a cycle."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from keep_toys import NEW, OLD, PLAN, SITE, content, found, on_disk, run_once, until

from supervisor.guardian import keep as keep_module
from supervisor.guardian.keep import Disk, Keeper, decoded, encoded
from supervisor.kernel.keep import UNREADABLE, Kept, kept
from supervisor.kernel.state import boot


# ---- the power is cut ----------------------------------------------------------------------------------------------
class Killed(BaseException):
    """The process is gone."""


class Dying(Disk):
    """Does ``steps`` calls and then no more; ``after``: the last one is done, and nobody hears of it."""

    def __init__(self, steps: int, after: bool, die: Callable[[], None]) -> None:
        self._left, self._after, self._die = steps, after, die

    def __getattribute__(self, name: str) -> Any:
        does = super().__getattribute__(name)
        if name.startswith("_") or name in ("read", "calls"):
            return does

        def counted(*arguments: Any) -> Any:
            self._left -= 1
            if self._left < 0 and not self._after:
                self._die()
            answer = does(*arguments)
            if self._left < 0:
                self._die()
            return answer

        return counted


def write_until(folder: Path, disk: Disk, what: Kept) -> None:
    """What the writer's thread does, in this one."""
    keeper = Keeper(folder, SITE, disk)
    keeper.begin(PLAN, boot(PLAN, 1_000))
    keeper._write(what)


@pytest.mark.parametrize("damaged", [False, True], ids=["good", "damaged"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_process_killed_at_any_call_leaves_old_or_new(tmp_path: Path, damaged: bool, after: bool) -> None:
    """Really killed: a child for each step."""
    died = 0
    for steps in range(12):
        folder = tmp_path / str(steps)
        folder.mkdir()
        (folder / "state.json").write_bytes(b"damaged" if damaged else encoded(content(OLD)))
        child = os.fork()
        if child == 0:
            try:
                write_until(folder, Dying(steps, after, lambda: os.kill(os.getpid(), signal.SIGKILL)), NEW)
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
        died += os.WIFSIGNALED(status)
        if damaged and (folder / "state.json").read_bytes() == b"damaged":
            assert found(folder).rules == {UNREADABLE: "unknown"}
        else:
            assert on_disk(folder) in (OLD, NEW)
        if not os.WIFSIGNALED(status):
            assert on_disk(folder) == NEW
        assert not damaged or b"damaged" in {path.read_bytes() for path in folder.iterdir()}
        run_once(folder)
        assert found(folder) != kept(PLAN, boot(PLAN, 1_000)), "after the next start it is not a new house"
    assert died == (8 if damaged else 6)


class Platter(Disk):
    """A disk that forgets: contents and names are durable only once they were forced. ``durable`` holds every picture
    that may be found when the power comes back."""

    def __init__(self, before: bytes) -> None:
        self.files: dict[str, bytes] = {"state.json": before}  # what the running system sees
        self.synced: dict[str, bytes] = dict(self.files)
        self.names: list[dict[str, str]] = [{"state.json": "state.json"}]  # possible folders: name -> whose content
        self.durable: list[tuple[str, set[bytes]]] = []

    def note(self, step: str) -> None:
        """What state.json may be, if the power goes now."""
        may: set[bytes] = set()
        for names in self.names:
            owner = names["state.json"]
            whole = self.synced.get(owner)
            if whole is not None:
                may.add(whole)
            else:  # never forced: anything, of which these are the worst
                data = self.files[owner]
                may |= {b"", bytes(len(data)), data[: len(data) // 2], data}
        self.durable.append((step, may))

    def create(self, path: Path) -> int:
        self.files[path.name] = b""
        self.synced.pop(path.name, None)
        self.note("create")
        return 0

    def write(self, file: int, data: bytes) -> int:
        self.files["state.json.new"] += data[: max(len(data) // 2, 1)]
        self.note("write")
        return max(len(data) // 2, 1)

    def sync(self, file: int) -> None:
        self.synced["state.json.new"] = self.files["state.json.new"]
        self.note("sync")

    def close(self, file: int) -> None:
        self.note("close")

    def rename(self, source: Path, target: Path) -> None:
        self.names.append({target.name: source.name})
        self.note("rename")

    def sync_folder(self, folder: Path) -> None:
        self.names = self.names[-1:]
        self.note("sync_folder")


def test_a_power_cut_at_any_call_leaves_old_or_new_on_a_disk_that_forgets() -> None:
    before, platter = encoded(content(OLD)), Platter(encoded(content(OLD)))
    Keeper(Path("nowhere"), SITE, platter)._write(NEW)
    steps = [step for step, _ in platter.durable]
    assert list(dict.fromkeys(steps)) == ["create", "write", "sync", "close", "rename", "sync_folder"]
    for step, may in platter.durable:
        assert {decoded(data).kept == NEW or data == before for data in may} == {True}, step
    assert [decoded(data).kept for data in platter.durable[-1][1]] == [NEW]


# ---- a disk that refuses ---------------------------------------------------------------------------------------------
class Full(Disk):
    """No space from some call on."""

    def __init__(self) -> None:
        self.full = ""

    def _refuse(self, call: str) -> None:
        if self.full == call:
            raise OSError(errno.ENOSPC, "No space left on device")

    def create(self, path: Path) -> int:
        self._refuse("create")
        return super().create(path)

    def write(self, file: int, data: bytes) -> int:
        self._refuse("write")
        return super().write(file, data[:7])

    def sync(self, file: int) -> None:
        self._refuse("sync")
        super().sync(file)

    def rename(self, source: Path, target: Path) -> None:
        self._refuse("rename")
        super().rename(source, target)

    def sync_folder(self, folder: Path) -> None:
        self._refuse("sync_folder")
        super().sync_folder(folder)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keep_module, "RETRY_S", 0.01)
    monkeypatch.setattr(keep_module, "TURN_S", 0.01)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("call", ["create", "write", "sync", "rename", "sync_folder"])
def test_a_full_disk_keeps_the_old_one_is_counted_and_ends_by_itself(
    tmp_path: Path, call: str, caplog: pytest.LogCaptureFixture
) -> None:
    disk = Full()
    keeper = Keeper(tmp_path, SITE, disk)
    keeper.begin(PLAN, boot(PLAN, 1_000))
    keeper.start()
    until((tmp_path / "state.json").exists)
    before = on_disk(tmp_path)
    disk.full = call
    keeper.put(NEW)
    until(lambda: keeper.not_kept > 2)
    assert on_disk(tmp_path) in ((before, NEW) if call == "sync_folder" else (before,))
    keeper.put(OLD)
    keeper.put(NEW)
    disk.full = ""
    until(lambda: "is written again" in caplog.text or on_disk(tmp_path) == NEW)
    keeper.stop()
    assert on_disk(tmp_path) == NEW
    assert caplog.text.count("cannot write") == 1, "said once, not at every try"


def test_a_folder_that_cannot_be_written_is_said_and_the_house_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = Keeper(tmp_path / "nowhere", SITE)
    state = keeper.begin(PLAN, boot(PLAN, 1_000))
    keeper.start()
    until(lambda: keeper.not_kept == 1)
    keeper.put(kept(PLAN, state))
    keeper.stop()
    assert "cannot write" in caplog.text
    assert "not on disk" in caplog.text
