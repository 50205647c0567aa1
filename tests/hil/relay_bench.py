"""A relay node in virtual time, with a commander, and the table as cantools reads it; for the suites of the node."""

from __future__ import annotations

from importlib.resources import files

import cantools

from hil.can_frame import Frame
from hil.sim.relaynode_can import Options, RelayNode
from hil.sim.relaynode_frames import command_frame

DATABASE = cantools.database.load_file(str(files("dbc") / "relaynode_can.dbc"))


class Bench:
    """A node, a commander that counts and pulses as the table wants, and the time in his hand."""

    def __init__(self, **options: int) -> None:
        self.node = RelayNode("relays", Options(**options), 0)
        self.now_ms, self.counter, self.pulse = 0, 0, 0
        self.statuses: list[tuple[int, Frame]] = []
        self.trace: list[dict[str, object]] = []
        self.node.trace = self.trace.append

    def command(self, coils: int, *, pulsing: bool = True, counting: bool = True) -> None:
        if pulsing:
            self.pulse ^= 1
        if counting:
            self.counter = (self.counter + 1) % 15
        self.raw(command_frame(self.node.options.node, coils, self.pulse, self.counter))

    def raw(self, frame: Frame) -> None:
        self.statuses += [(self.now_ms, out) for out in self.node.on_frame(frame, self.now_ms)]

    def until(self, now_ms: int) -> None:
        """Pass the time, stopping at each date that the node has named."""
        while self.node.next_ms() <= now_ms:
            self.now_ms = max(self.now_ms, self.node.next_ms())
            self.statuses += [(self.now_ms, out) for out in self.node.poll(self.now_ms)]
        self.now_ms = now_ms

    def commanded_until(self, now_ms: int, coils: int, **how: bool) -> None:
        while self.now_ms < now_ms:
            self.command(coils, **how)
            self.until(min(self.now_ms + 250, now_ms))

    def last(self) -> dict[str, object]:
        return dict(DATABASE.decode_message("RELAY_STATUS", self.statuses[-1][1].data, decode_choices=False))

    def state(self) -> dict[str, object]:
        return self.node.state(self.now_ms)

    def closed(self) -> list[int]:
        found = self.state()["closed"]
        assert isinstance(found, list)
        return [index + 1 for index, closed in enumerate(found) if closed]
