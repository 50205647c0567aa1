"""Joins a CAN hub of the rig with a real adapter: what the box under test says comes in, what is permitted goes out.

    python -m hil.bench.can_bridge RIG_YAML BUS RUN_DIR --ready-fd N

Rules
* Only identifiers in `may_drive` leave the rig; others are kept back and told once each. One of up to 0x7ff is meant as
  11 bits, a higher one as 29. Without any the adapter is opened listen-only where it can be.
* A frame is never changed. A wire that goes away ends this process with a message, and so ends the run.
It must never originate a frame.
"""

from __future__ import annotations

import argparse
import os
import select
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import can

from hil.bench.rig_file import CanAdapter, read
from hil.can_hub import HubBus
from hil.unix_socket import RigError

WAIT_S = 0.5
BITS_11 = 0x7FF


def open_adapter(adapter: CanAdapter, listen_only: bool) -> can.BusABC:
    """The real adapter; RigError with the reason when it cannot be had."""
    options: dict[str, Any] = {"bitrate": adapter.bitrate} if adapter.bitrate else {}
    if adapter.interface == "slcan":
        options |= {"listen_only": listen_only, "sleep_after_open": 0.1}
    try:
        bus = can.Bus(interface=adapter.interface, channel=adapter.channel, **options)
    except (can.CanError, OSError, ValueError, NotImplementedError) as error:
        raise RigError(f"{adapter.interface} {adapter.channel}: cannot be opened: {error}") from None
    try:
        bus.fileno()
    except NotImplementedError:
        bus.shutdown()
        raise RigError(f"{adapter.interface}: cannot be waited for; use it through socketcan") from None
    return bus


class Bridge:
    """Two buses and the identifiers that may go from the first to the second."""

    def __init__(self, hub: can.BusABC, wire: can.BusABC, ids: frozenset[int], say: Callable[[str], None]) -> None:
        self._hub, self._wire, self._ids, self._say = hub, wire, ids, say
        self._kept_back: set[tuple[int, bool]] = set()

    def poll(self, timeout_s: float) -> None:
        """Wait at most that long, then pass on what is there; can.CanError when a side is gone."""
        select.select([self._hub.fileno(), self._wire.fileno()], [], [], timeout_s)
        while (frame := self._wire.recv(0)) is not None:
            self._hub.send(frame)
        while (frame := self._hub.recv(0)) is not None:
            self._out(frame)

    def _out(self, frame: can.Message) -> None:
        number, extended = frame.arbitration_id, frame.is_extended_id
        if number in self._ids and extended == (number > BITS_11) and not frame.is_error_frame:
            self._wire.send(frame)
        elif (number, extended) not in self._kept_back:
            self._kept_back.add((number, extended))
            what = f"{number:#x}{' of 29 bits' if extended and number <= BITS_11 else ''}"
            self._say(f"{what} is not in may_drive; it is kept back")


def main(words: list[str]) -> int:
    """Run one bridge until SIGTERM."""
    parser = argparse.ArgumentParser(prog="can_bridge", description=__doc__)
    for name in ("rig", "bus", "run_dir"):
        parser.add_argument(name)
    parser.add_argument("--ready-fd", type=int)
    chosen = parser.parse_args(words)
    stop: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda got, _frame: stop.append(got))
    try:
        rig = read(Path(chosen.rig))
        ids = rig.ids(chosen.bus)
        with (
            open_adapter(rig.can[chosen.bus], listen_only=not ids) as wire,
            HubBus(f"{chosen.run_dir}/{chosen.bus}.sock", name="bridge") as hub,
        ):
            bridge = Bridge(hub, wire, ids, lambda text: print(text, flush=True))  # noqa: T201 - its log
            if chosen.ready_fd is not None:
                os.write(chosen.ready_fd, b"ready\n")
            while not stop:
                bridge.poll(WAIT_S)
    except (RigError, can.CanError, OSError) as error:
        print(f"can_bridge {chosen.bus}: {error}", file=sys.stderr)  # noqa: T201
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
