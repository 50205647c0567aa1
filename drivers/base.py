"""The half of a conversation that most families do not have.

A driver derives from :class:`Quiet` and overrides what its wire really does; everything else asks nothing, hears
nothing and says nothing. This file must never grow a default that sends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from drivers.contract import Ask, Failure, Frame, Heard, ReadRegisters, WriteRegisters

# The arguments are part of the contract and keep their names, whether or not a quiet method looks at them.
# ruff: noqa: ARG002


class Quiet:
    """Implements :class:`drivers.contract.Driver` without ever doing anything."""

    def poll(self, now_ms: int) -> Iterable[Ask]:
        return ()

    def on_frame(self, frame: Frame, now_ms: int) -> Iterable[Heard]:
        return ()

    def on_registers(
        self, ask: ReadRegisters | WriteRegisters, reply: Sequence[int] | Failure, now_ms: int
    ) -> Iterable[Heard]:
        return ()

    def on_bytes(self, data: bytes, now_ms: int) -> Iterable[Heard]:
        return ()

    def on_lines(self, levels: Mapping[int, int], now_ms: int) -> Iterable[Heard]:
        return ()

    def say(self, outputs: Mapping[str, int], now_ms: int) -> Iterable[Ask]:
        return ()
