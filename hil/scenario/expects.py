"""The expectations of a scenario: each entry of the file becomes one, with its window in ms.

Rules: an entry has exactly one of `within`, `always`, `never`, `eventually`, each with the keys of :data:`KINDS`. A
window lies inside the scenario and is not empty; what must stay for a while must be able to, or nobody could see it.
A condition is read with the facts that the house begins with, so that what cannot be compared is found at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hil.scenario.document import Item
from hil.scenario.expression import condition
from hil.scenario.model import Condition, Expectation, Facts
from hil.scenario.quantity import time_ms
from hil.unix_socket import RigError

KINDS: Mapping[str, Sequence[str]] = {  # kind -> what may stand beside it
    "within": ("within", "after", "see", "for", "why"),
    "always": ("always", "from", "to", "why"),
    "never": ("never", "from", "to", "for", "why"),
    "eventually": ("eventually", "after", "why"),
}


def expectations(listed: Item, length_ms: int, facts: Facts) -> tuple[Expectation, ...]:
    """All of them in the order of the file; a scenario that expects nothing could not fail."""
    entries = [] if listed.value is None else listed.listed()
    if not entries:
        raise listed.wrong("a scenario that expects nothing cannot fail; add an expectation")
    return tuple(_expectation(entry, length_ms, facts) for entry in entries)


def asked(item: Item, facts: Facts) -> Condition:
    """The condition that stands in ``item``, checked against what the house has."""
    if item.value is None or isinstance(item.value, list | dict):
        raise item.wrong(f"expected a condition here, such as max(plant.grid_a) <= 35, not {item.shown()}")
    try:
        return condition(str(item.value), facts)
    except RigError as error:
        raise item.wrong(str(error)) from None


def _expectation(entry: Item, length_ms: int, facts: Facts) -> Expectation:
    kinds = [kind for kind in KINDS if kind in entry.entries()]
    if len(kinds) != 1:
        raise entry.wrong(f"an expectation has exactly one of {', '.join(KINDS)}")
    kind = kinds[0]
    parts = entry.entries(KINDS[kind])
    if kind == "within" and "see" not in parts:
        raise entry.wrong("`within: 5 s` needs `see`, the condition that comes true")
    from_ms, to_ms = _window(parts, kind, length_ms)
    for_ms = time_ms(parts["for"], 1) if "for" in parts else 0
    _check_window(entry, kind, (from_ms, to_ms, for_ms), length_ms)
    why = parts["why"].text() if "why" in parts else ""
    question = asked(parts["see"] if kind == "within" else parts[kind], facts)
    return Expectation(kind, question, from_ms, to_ms, for_ms, why, entry.line)


def _window(parts: Mapping[str, Item], kind: str, length_ms: int) -> tuple[int, int]:
    begin = parts.get("after", parts.get("from"))
    from_ms = 0 if begin is None else time_ms(begin)
    if kind == "within":
        return from_ms, from_ms + time_ms(parts["within"])
    return from_ms, time_ms(parts["to"]) if "to" in parts else length_ms


def _check_window(entry: Item, kind: str, window: tuple[int, int, int], length_ms: int) -> None:
    from_ms, to_ms, for_ms = window
    if from_ms >= to_ms:
        raise entry.wrong(f"its window is empty: from {from_ms / 1000:g} s to {to_ms / 1000:g} s")
    needed_ms = to_ms + for_ms if kind == "within" else to_ms
    if needed_ms > length_ms:
        what = f"must be looked at until {needed_ms / 1000:g} s"
        raise entry.wrong(f"{what}, and the scenario ends at {length_ms / 1000:g} s; make `length` longer")
    if kind == "never" and for_ms >= to_ms - from_ms:
        raise entry.wrong("nothing in its window could last longer than its `for`, so it could never fail")
