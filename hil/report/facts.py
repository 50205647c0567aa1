"""Which facts a report draws, in which unit, and their values over time.

Rules
* What the scenario asks for with ``show`` is drawn, else what it expects something of, and the powers of grid, car, sun
  and battery. Contacts that moved are always drawn: a contact that moved unnoticed is what a reader looks for.
* A list of a fact is one series for each phase or contact; phases that are the same throughout become one.
* A fact that is not there for a while has no value then; it is never carried on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from hil.scenario.model import Condition, Moment, Scenario

POWERS = ("plant.grid_w", "plant.car_w", "plant.pv_w", "plant.battery_w")
CONTACTS = (".closed", ".contactor")
UNITS = {
    "w": "W", "kw": "kW", "a": "A", "v": "V", "mv": "mV", "wh": "Wh", "kwh": "kWh", "ms": "ms", "s": "s", "hz": "Hz",
    "percent": "%", "c": "°C", "k": "K", "ah": "Ah",
    "ampere": "A", "current": "A", "voltage": "V", "power": "W", "frequency": "Hz", "temperature": "°C",
    "soc": "%", "soh": "%", "offered": "A",
}  # fmt: skip
_LIMIT = re.compile(r"(-?\d[\d.]*(?:e[+-]?\d+)?)( at its nearest)?, limit (-?\d[\d.]*(?:e[+-]?\d+)?)")
AXES = {"W": "Powers", "A": "Currents", "V": "Voltages", "%": "Shares", "Wh": "Energies", "kWh": "Energies"}


@dataclass(frozen=True)
class Series:
    """One fact, or one value of its list (``part`` from 1, "" for all of them alike), over time."""

    fact: str
    part: str
    points: tuple[tuple[int, float | bool | str | None], ...]

    @property
    def label(self) -> str:
        """For a legend: contacts are counted, phases are L1, L2, L3."""
        return f"{self.noun} {self.part}".strip()

    @property
    def noun(self) -> str:
        """What it is of, whatever is measured there: power and current of one thing have one colour."""
        contact = re.sub(r"\.(closed|contactor)$", r" contact", self.fact)
        return re.sub(r"_(w|kw|a|v)$", "", contact)


def unit_of(fact: str) -> str:
    """The unit that a fact's name tells; "" for a mere number. The most significant word comes first, so the last
    word that is a unit counts (``load_l1_w``), then one that is a quantity (``ampere_flash``)."""
    words = re.sub(r"\[\d+\]", "", fact).rpartition(".")[2].lower().split("_")
    for word in (words[-1], *reversed(words)):
        if word in UNITS and (word == words[-1] or len(word) > 1):
            return UNITS[word]
    return ""


def unit_of_all(condition: Condition) -> str:
    """The unit of what a condition compares: the facts' own where they agree. A count of things has none, and what a
    product or a quotient has nobody here works out."""
    units = {unit_of(name) for name in condition.names}
    return units.pop() if len(units) == 1 and not re.search(r"count\(|[*/]", condition.text) else ""


def with_units(measured: str, condition: Condition) -> str:
    """The judge's words about a number and its limit, with the unit of what is compared."""
    unit = unit_of_all(condition)
    if not unit:
        return measured
    return _LIMIT.sub(lambda m: f"{m[1]} {unit}{m[2] or ''}, limit {m[3]} {unit}", measured)


def bare(name: str) -> str:
    """``relays.closed[2]`` -> ``relays.closed``."""
    return re.sub(r"\[\d+\]$", "", name)


def expected(scenario: Scenario) -> list[str]:
    """The facts in the expectations, in the order in which a reader meets them."""
    names: dict[str, None] = {}
    for wanted in scenario.expectations:
        text = wanted.condition.text
        places = sorted((max(text.find(bare(name)), 0), name) for name in wanted.condition.names)
        names |= dict.fromkeys(bare(name) for _, name in places)
    return list(names)


def wanted(scenario: Scenario, name: str) -> bool:
    """May the report of this scenario need this fact? Asked before anything has happened."""
    chosen = {bare(shown) for shown in scenario.show} | set(expected(scenario)) | set(POWERS)
    return name in chosen or name.endswith(CONTACTS)


def chosen(scenario: Scenario, moments: Sequence[Moment]) -> list[str]:
    """What is drawn, in order. What the scenario does not ask for is left out where it never has a value other than
    zero: a roof without sun tells nobody anything."""
    if scenario.show:
        return list(dict.fromkeys(bare(name) for name in scenario.show))
    usual = [name for name in POWERS if any(_nonzero(moment.facts.get(name)) for moment in moments)]
    return list(dict.fromkeys(expected(scenario) + usual))


def _nonzero(value: object) -> bool:
    return any(value) if isinstance(value, list) else bool(value)


def series_of(moments: Sequence[Moment], fact: str) -> list[Series]:
    """All series of a fact; none when no moment has it."""
    parts: dict[int, list[tuple[int, float | bool | str | None]]] = {}
    for moment in moments:
        value = moment.facts.get(fact)
        listed = value if isinstance(value, list) else [] if value is None else [value]
        for part, single in enumerate(listed):
            if isinstance(single, bool | int | float | str):
                parts.setdefault(part, []).append((moment.at_ms, single))
        for part in parts.keys() - set(range(len(listed))):
            parts[part].append((moment.at_ms, None))
    is_list = any(isinstance(moment.facts.get(fact), list) for moment in moments)
    prefix = "" if fact.endswith(CONTACTS) else "L"
    named = [Series(fact, f"{prefix}{part + 1}" if is_list else "", tuple(parts[part])) for part in sorted(parts)]
    alike = len(named) == 3 and prefix == "L" and len({series.points for series in named}) == 1
    return [Series(fact, "each phase", named[0].points)] if alike else named


def contacts(moments: Sequence[Moment]) -> list[Series]:
    """The contacts that moved, device by device."""
    names = sorted({name for moment in moments for name in moment.facts if name.endswith(CONTACTS)})
    return [series for name in names for series in series_of(moments, name) if _moved(series)]


def _moved(series: Series) -> bool:
    return len({value for _, value in series.points if isinstance(value, bool)}) > 1


def is_number(series: Series) -> bool:
    """Lines are drawn of numbers; of truths and texts, lanes."""
    values = [value for _, value in series.points if value is not None]
    return bool(values) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def said_of(moments: Sequence[Moment]) -> dict[str, Series]:
    """What the product says of itself, by name: its mode first, then what changed, in the order of names."""
    points: dict[str, list[tuple[int, float | bool | str | None]]] = {}
    for moment in moments:
        flat = dict(_flat("", moment.said))
        for name in flat.keys() | points.keys():
            points.setdefault(name, []).append((moment.at_ms, flat.get(name)))
    moved = [name for name in sorted(points) if name != "mode" and len({value for _, value in points[name]}) > 1]
    return {name: Series(name, "", tuple(points[name])) for name in [*(["mode"] if "mode" in points else []), *moved]}


def _flat(prefix: str, said: object) -> Iterable[tuple[str, float | bool | str]]:
    """Machines and outputs stand by their own names, whatever mapping they are in."""
    if isinstance(said, Mapping):
        for key, value in said.items():
            yield from _flat(str(key), value)
    elif isinstance(said, bool | int | float | str):
        yield prefix, said
