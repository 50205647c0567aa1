"""When to read which registers, without a clock and without a wire.

Theory of operation
* Each group has a time when it is due. ``poll`` asks for the one that has been due longest, if nothing is outstanding
  and the rest that the device wants between two requests (``request_gap``) has passed.
* A group that is behind by more than a period skips what it missed: it never catches up in a burst.
* A failed read is asked again when its group is due next; nothing else is remembered of it. What is not read grows
  old in the image, and that is the message.
* An ask that the host never answers is given up after LOST_MS, so that a lost answer costs seconds and not the device.

This file must never invent a value, and never keep one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from drivers.base import Quiet
from drivers.contract import Ask, Defect, DefectKind, Failure, Heard, ReadRegisters, WriteRegisters
from drivers.modbus_still import Stillness
from drivers.modbus_table import Group, Meanings, ModbusTable

NOT_YET = -1
"""Due with the first poll, whenever that is."""

LOST_MS = 3_000
"""Ten times the usual time-out of a request: long enough for a line that many devices share."""

_KIND = {
    Failure.TIMEOUT: DefectKind.TIMEOUT,
    Failure.EXCEPTION: DefectKind.DEVICE_EXCEPTION,
    Failure.SHORT: DefectKind.SHORT_REPLY,
    Failure.NO_CONNECTION: DefectKind.TIMEOUT,
}


@dataclass(slots=True)
class _Turn:
    """A group, the question that reads it, and when that is due."""

    group: Group
    ask: ReadRegisters
    due_ms: int = NOT_YET


class Poller:
    """Decides what to read next; one request outstanding at a time."""

    def __init__(self, table: ModbusTable, unit: int) -> None:
        self._gap_ms = table.request_gap_ms
        self._turns = [_Turn(group, _read(group, unit)) for group in table.groups]
        self._asked: _Turn | None = None
        self._asked_ms = 0
        self._quiet_until_ms: int | None = None
        self._begun = False

    def poll(self, now_ms: int) -> ReadRegisters | None:
        """The next read, or None while there is nothing to ask or an answer is awaited."""
        if not self._begun:
            self._begin(now_ms)
        if self._asked is not None and now_ms - self._asked_ms < LOST_MS:
            return None
        if self._quiet_until_ms is not None and now_ms < self._quiet_until_ms:
            return None
        turn = min(self._turns, key=_due_ms)
        if turn.due_ms > now_ms:
            self._asked = None
            return None
        self._asked, self._asked_ms = turn, now_ms
        following = turn.due_ms + turn.group.period_ms
        turn.due_ms = following if following > now_ms else now_ms + turn.group.period_ms
        return turn.ask

    def answered(self, ask: ReadRegisters, now_ms: int) -> tuple[Group, int] | None:
        """The group that this answer is for and when it was asked; None for an answer that nobody waits for."""
        turn = self._asked
        if turn is None or ask != turn.ask:
            return None
        self._asked = None
        self._quiet_until_ms = now_ms + self._gap_ms
        return turn.group, self._asked_ms

    def hurry(self, group: Group) -> None:
        """Read this group before any other: something in it was just written."""
        for turn in self._turns:
            if turn.group.name == group.name:
                turn.due_ms = 0

    def _begin(self, now_ms: int) -> None:
        self._begun = True
        for turn in self._turns:
            if turn.due_ms == NOT_YET:
                turn.due_ms = now_ms


class ModbusReader(Quiet):
    """A whole driver for a device that is only read, and the base of one that is also written.

    ``frozen_after_ms``: once the registers that flicker have not changed for so long, the device is doubted (see
    modbus_still.py); None for a family whose table names none.
    """

    def __init__(self, table: ModbusTable, unit: int, frozen_after_ms: int | None = None) -> None:
        self.table = table
        self.unit = unit
        self.poller = Poller(table, unit)
        self._meanings = Meanings()
        self._stillness = None if frozen_after_ms is None else Stillness(table, frozen_after_ms)

    def poll(self, now_ms: int) -> Iterable[Ask]:
        ask = self.poller.poll(now_ms)
        return () if ask is None else (ask,)

    def on_registers(
        self, ask: ReadRegisters | WriteRegisters, reply: Sequence[int] | Failure, now_ms: int
    ) -> Iterable[Heard]:
        if isinstance(reply, Failure):
            heard: tuple[Heard, ...] = (Defect(_KIND[reply], f"{reply.value} at register {ask.address}"),)
        else:
            heard = ()
        if isinstance(ask, WriteRegisters):
            self.on_written(ask, not heard, now_ms)
            return heard
        place = self.poller.answered(ask, now_ms)
        if place is None or isinstance(reply, Failure):
            return heard
        group, asked_ms = place
        meant = self._meanings.of(group.name, reply, partial(self.table.decode, group))
        if self._stillness is None:
            return self.on_group(group, meant, asked_ms, now_ms)
        defects = self._stillness.see(group, reply, meant, now_ms)
        return (*defects, *self._stillness.doubted(self.on_group(group, meant, asked_ms, now_ms), now_ms))

    def on_written(self, ask: WriteRegisters, accepted: bool, now_ms: int) -> None:
        """A write of ours has been answered. A device that is only read has none."""

    def on_group(self, group: Group, heard: tuple[Heard, ...], asked_ms: int, now_ms: int) -> Iterable[Heard]:
        """A group has come; the place where a family adds signals that it derives. ``asked_ms``: when it was asked."""
        del group, asked_ms, now_ms
        return heard


def _due_ms(turn: _Turn) -> int:
    return turn.due_ms


def _read(group: Group, unit: int) -> ReadRegisters:
    return ReadRegisters(unit, group.table, group.address, group.count)
