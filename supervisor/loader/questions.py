"""Questions as people write them, turned into the kernel's.

One line each: ``meter.current_l1 above 35 A`` · ``below`` · ``outside 45 Hz .. 55 Hz`` ·
``within -20 V .. 20 V`` ·
``wallbox.car_state is charging`` · ``meter.power older than 5 s`` · ``a.x differs from b.y by 2 A`` ·
``battery unseen`` · ``battery seen``.
Several: ``{all of: [...]}`` and ``{any of: [...]}``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from supervisor.kernel.question import AllOf, AnyOf, Disagree, Fresh, Is, Outside, Question, TooOld, Within
from supervisor.kernel.signal import Signal, Unit
from supervisor.loader.documents import Item, nearest
from supervisor.loader.quantity import amount, duration

AGE_MAX_MS = 3_600_000
SHAPES = {
    "above": re.compile(r"(\S+) above (.+)"),
    "below": re.compile(r"(\S+) below (.+)"),
    "outside": re.compile(r"(\S+) outside (.+?) \.\. (.+)"),
    "within": re.compile(r"(\S+) within (.+?) \.\. (.+)"),
    "is": re.compile(r"(\S+) is (\S+)"),
    "older": re.compile(r"(\S+) older than (.+)"),
    "differs": re.compile(r"(\S+) differs from (\S+) by (.+)"),
    "unseen": re.compile(r"(\S+) unseen"),
    "seen": re.compile(r"(\S+) seen"),
}


RANGED = ("above", "below", "outside", "within")


@dataclass(frozen=True)
class Named:
    """A signal by name: its number, its declaration and the names of its codes."""

    index: int
    signal: Signal
    codes: Mapping[int, str]


@dataclass(frozen=True)
class Names:
    """What a question may refer to. ``prefix`` is put in front of a name without a dot ("battery." for a family's own
    facts). ``core``: (index, maximum age) of each device's core signals."""

    signals: Mapping[str, Named]
    core: Mapping[str, tuple[tuple[int, int], ...]]
    prefix: str = ""

    def find(self, name: str, item: Item) -> Named:
        full = name if "." in name else self.prefix + name
        found = self.signals.get(full)
        if found is None:
            raise item.error(f"there is no signal '{full}'{nearest(full, self.signals)}")
        return found


def question(item: Item, names: Names) -> Question:
    """The question in ``item``. Raises DocumentError with what would do."""
    if isinstance(item.value, dict):
        return _several(item, names)
    for kind, shape in SHAPES.items():
        match = shape.fullmatch(item.text().strip())
        if match:
            return _one(kind, match.groups(), item, names)
    raise item.error(
        f"'{item.text()}' is no question; write for example 'meter.current_l1 above 35 A' or 'battery unseen'"
    )


def _several(item: Item, names: Names) -> Question:
    fields = item.fields()
    if set(fields) == {"all of"}:
        return AllOf(tuple(question(part, names) for part in fields["all of"]))
    if set(fields) == {"any of"}:
        return AnyOf(tuple(question(part, names) for part in fields["any of"]))
    raise item.error("several questions are written {all of: [...]} or {any of: [...]}")


def _one(kind: str, words: tuple[str, ...], item: Item, names: Names) -> Question:
    if kind in ("unseen", "seen"):
        return _sight(kind, words[0], item, names)
    named = names.find(words[0], item)
    index, signal = named.index, named.signal
    quantities = [_part(item, word, signal.unit) for word in words[1:]] if kind in RANGED else []
    if kind == "above":
        return Outside(index, signal.max_age_ms, None, quantities[0])
    if kind == "below":
        return Outside(index, signal.max_age_ms, quantities[0], None)
    if kind in ("outside", "within"):
        if quantities[0] >= quantities[1]:
            raise item.error(f"'{words[1]} .. {words[2]}' is no range; write the smaller one first")
        shape = Outside if kind == "outside" else Within
        return shape(index, signal.max_age_ms, quantities[0], quantities[1])
    if kind == "is":
        return Is(index, signal.max_age_ms, _code(words[1], named, item))
    if kind == "older":
        return TooOld(index, duration(Item(item.file, item.line, item.path, words[1]), 1, AGE_MAX_MS))
    return _differs(named, words, item, names)


def _sight(kind: str, device: str, item: Item, names: Names) -> Question:
    core = names.core.get(device)
    if core is None:
        raise item.error(f"there is no device '{device}'{nearest(device, names.core)}")
    return Fresh(core) if kind == "seen" else AnyOf(tuple(TooOld(signal, age_ms) for signal, age_ms in core))


def _differs(first: Named, words: tuple[str, ...], item: Item, names: Names) -> Question:
    second = names.find(words[1], item)
    if first.signal.unit is not second.signal.unit:
        raise item.error(f"{words[0]} is in {first.signal.unit} and {words[1]} in {second.signal.unit}")
    a, b = (Outside(named.index, named.signal.max_age_ms, None, None) for named in (first, second))
    tolerance = _part(item, words[2], first.signal.unit)
    if tolerance < 0:
        raise item.error(f"'{words[2]}' would always be exceeded; write a tolerance of zero or more")
    return Disagree(a, b, tolerance)


def _part(item: Item, text: str, unit: Unit) -> int:
    return amount(Item(item.file, item.line, item.path, text), unit)


def _code(word: str, named: Named, item: Item) -> int:
    for code, name in named.codes.items():
        if name == word:
            return code
    if named.signal.unit is Unit.FLAG or not named.codes:
        return _part(item, word, named.signal.unit)
    raise item.error(f"{named.signal.id} has no code '{word}'{nearest(word, named.codes.values())}")
