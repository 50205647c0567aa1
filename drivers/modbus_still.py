"""Whether a device still measures: a live one never says the same for long, to the last bit.

Theory of operation
* The mains flickers, and a fine measurement of it shows that: the table names the registers that ``flickers``. Once
  none of a group's has changed for ``after_ms``, the device stands still: a meter that hangs behind a communication
  part that lives, or a gateway that answers out of its memory. Its checksums are good, and nothing else tells.
* While it stands still all that it says is SUSPECT, also what a family derives: it may trip, it never permits. The
  first change ends that.
* A change is another measurement. What is no measurement (NaN, out of range, half an answer, no answer) is no sign of
  life and no end of one: the time since the last change simply goes on. So the same bits after a break are doubted at
  once if the break was long enough, and a device is believed for ``after_ms`` from its first answer.
* Groups are judged each by itself, since a gateway remembers answers by their question: one that stands still, or that
  is not answered any more, is enough to doubt the device. A group without such registers has the others' life.

Not for coarse registers: a volt or a tenth of an ampere as an integer stays the same for minutes in a quiet house, so
that a healthy device would be doubted. The loader takes ``flickers`` for float32 alone.

This file must never find a device alive because of a value that merely arrived.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from drivers.contract import Defect, DefectKind, Heard, Sample
from drivers.modbus_table import Group, ModbusTable
from supervisor.kernel.signal import Quality

READS_MIN = 3
"""So many reads of a group fit at least into the time after which it is doubted."""


class Stillness:
    """Watches one device. ``after_ms``: without a change for so long it is doubted. ValueError where it can't judge."""

    def __init__(self, table: ModbusTable, after_ms: int) -> None:
        watched = {
            name: tuple((register.spec.name, start, end) for register, start, end in places if register.flickers)
            for name, places in table.places.items()
        }
        self._watched = {name: places for name, places in watched.items() if places}
        slowest_ms = max((group.period_ms for group in table.groups if group.name in self._watched), default=None)
        if slowest_ms is None:
            raise ValueError(f"{table.title}: its table names no register that flickers")
        if after_ms < READS_MIN * slowest_ms:
            raise ValueError(f"{table.title}: after {after_ms} ms, but its registers are read every {slowest_ms} ms")
        self._after_ms = after_ms
        self._bits: dict[str, tuple[int, ...]] = {}  # of each register, as it was last measured
        self._moved_ms: dict[str, int] = {}  # of each watched group

    def see(self, group: Group, words: Sequence[int], heard: Iterable[Heard], now_ms: int) -> tuple[Defect, ...]:
        """An answer has come: its words, and what they mean. A Defect where it is the same as for too long."""
        if not self._moved_ms:
            self._moved_ms = dict.fromkeys(self._watched, now_ms)
        watched = self._watched.get(group.name, ())
        measured = (
            {item.name for item in heard if isinstance(item, Sample) and item.value is not None} if watched else ()
        )
        found = {name: tuple(words[start:end]) for name, start, end in watched if name in measured}
        if any(self._bits.get(name) != bits for name, bits in found.items()):
            self._moved_ms[group.name] = now_ms
        self._bits |= found
        if not found or not self._still(group.name, now_ms):
            return ()
        since_s = (now_ms - self._moved_ms[group.name]) // 1000
        return (Defect(DefectKind.FROZEN, f"{group.name}: to the last bit what it said {since_s} s ago"),)

    def doubted(self, heard: Iterable[Heard], now_ms: int) -> tuple[Heard, ...]:
        """What was heard, in the quality that it has now."""
        if not any(self._still(name, now_ms) for name in self._moved_ms):
            return tuple(heard)
        return tuple(_worse(item) if isinstance(item, Sample) else item for item in heard)

    def _still(self, name: str, now_ms: int) -> bool:
        return now_ms - self._moved_ms[name] >= self._after_ms


def _worse(sample: Sample) -> Sample:
    return Sample(sample.name, sample.value, max(sample.quality, Quality.SUSPECT))
