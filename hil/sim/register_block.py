"""A read that has been prepared: which of the registers it asks for stand still, and what the others show.

A driver asks the same few questions for ever. What the question is, which words never change and where the values go is
found out once; an answer is then what changes, put into bytes.

Rules: what is prepared says the same bytes as the whole image of the device (hil/sim/modbus), word for word.
It must never keep a value: a value is asked for in each answer.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from hil.sim.register_table import Register

Image = dict[tuple[str, int], int]  # (table, address) -> word


@dataclass(frozen=True, slots=True)
class Cell:
    """A register whose value may change, and what it shows at a time, in the unit of the table."""

    register: Register
    shows: Callable[[int], float]

    def words(self, now_ms: int) -> list[int]:
        """What stands there now."""
        return self.register.pack(self.shows(now_ms))


def place(image: Image, register: Register, words: list[int]) -> None:
    """Write a value's words into an image."""
    for at, word in enumerate(words):
        image[register.table, register.address + at] = word


class Block:
    """The answer to a read of `count` registers of `table` from `address`, every one of which exists."""

    def __init__(self, code: int, table: str, address: int, count: int, still: Image, cells: Iterable[Cell]) -> None:
        end = address + count
        near = [
            cell
            for cell in cells
            if cell.register.table == table and address - cell.register.words < cell.register.address < end
        ]
        # A read may begin or end in the middle of a value: the value is written whole, and cut off afterwards.
        first = min([address, *(cell.register.address for cell in near)])
        last = max([end, *(cell.register.address + cell.register.words for cell in near)])
        self._words = struct.pack(f">{last - first}H", *(still.get((table, at), 0) for at in range(first, last)))
        self._cells = [
            (cell.register.form.pack_into, 2 * (cell.register.address - first), cell.register.raw, cell.shows)
            for cell in near
        ]
        self._head, self._asked = bytes((code, 2 * count)), slice(2 * (address - first), 2 * (end - first))

    def reply(self, now_ms: int) -> bytes:
        """The reply PDU now."""
        words = bytearray(self._words)
        for pack_into, at, raw, shows in self._cells:
            pack_into(words, at, raw(shows(now_ms)))
        return self._head + words[self._asked]
