"""Situations: what all devices say while an example is tried out, as the policy documents write it.

    situations:
      evening:
        others: zero                          # whatever is not named says zero, or what is nearest to it
        readings: {battery.soc: 60 %, meter.voltage_l*: 230 V, relays.permit: on}
      battery_empty: {base: evening, readings: {battery.soc: 15 %}}
      no_meter: {base: evening, unseen: [meter], mode: degraded}

Rules
* Nothing is assumed: a device that has to be seen and is not said is an error that lists what is missing. ``*`` stands
  for any letters; a full name goes before a pattern, and a situation before its ``base``.
* Contacts, and what devices show of their orders, follow what they are told unless the situation names them.
  ``positions`` says where the changeovers are found, ``closed`` which other contactors are.
* ``unseen`` devices say nothing, ``lost`` orchestrators fall silent when the house has come to rest. ``mode`` is what
  the house must have come to; it is compared, not set.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from supervisor.check.survey import Survey
from supervisor.kernel.plan import MODES
from supervisor.kernel.signal import shown
from supervisor.loader.documents import Item, nearest
from supervisor.loader.quantity import amount

NOTHING = "missing"
KEYS = ("base", "readings", "others", "positions", "closed", "unseen", "lost", "mode", "why")
DEPTH_MAX = 10


@dataclass(frozen=True)
class Situation:
    """``readings``: by signal, None for one that says nothing. ``closed``: the contactors that are found closed."""

    item: Item
    readings: Mapping[int, int | None]
    zero: bool
    closed: frozenset[int]
    unseen: frozenset[str]
    lost: frozenset[str]
    mode: int | None


def read_situation(survey: Survey, name: str, item: Item, depth: int = 0) -> Situation:
    """The situation ``name``. Raises DocumentError with the place and the remedy."""
    known = survey.loaded.policies.situations
    if name not in known:
        raise item.error(f"there is no situation '{name}'{nearest(name, known)}")
    given = known[name]
    if depth > DEPTH_MAX:
        raise given.error("is its own base, in a circle; let one of them stand by itself")
    for key, part in given.fields().items():
        if key not in KEYS:
            raise part.error(f"nobody knows '{key}' here{nearest(key, KEYS)}")
    base = given.get("base")
    under = read_situation(survey, base.text(), base, depth + 1) if base is not None else None
    return _over(survey, given, under or Situation(given, {}, False, frozenset(), frozenset(), frozenset(), None))


def _over(survey: Survey, given: Item, under: Situation) -> Situation:
    """A situation on top of its base."""
    others, mode = given.get("others"), given.get("mode")
    if others is not None:
        others.one_of(("zero",))
    placed = _closed(survey, given)
    return Situation(
        item=given,
        readings={**under.readings, **_readings(survey, given.get("readings"))},
        zero=under.zero or others is not None,
        closed=under.closed if placed is None else placed,
        unseen=under.unseen | _names(given.get("unseen"), survey.devices, "device"),
        lost=under.lost | _names(given.get("lost"), _remote(survey), "orchestrator"),
        mode=under.mode if mode is None else MODES.index(mode.one_of(MODES)),
    )


def _remote(survey: Survey) -> list[str]:
    return [survey.plan.identities[at].name for at in survey.remote]


def _names(item: Item | None, known: Mapping[str, object] | list[str], what: str) -> frozenset[str]:
    for part in item or ():
        if part.text() not in known:
            raise part.error(f"there is no {what} '{part.text()}'{nearest(part.text(), known)}")
    return frozenset(part.text() for part in item or ())


# ---- readings ------------------------------------------------------------------------------------------------------
def _readings(survey: Survey, item: Item | None) -> dict[int, int | None]:
    """What is said, by signal: patterns first, so that full names go before them."""
    said: dict[int, int | None] = {}
    fields = item.fields().items() if item is not None else ()
    for pattern, part in sorted(fields, key=lambda field: "*" not in field[0]):
        matching = [i for i, signal in enumerate(survey.plan.signals) if fnmatchcase(signal.id, pattern)]
        if not matching:
            names = [signal.id for signal in survey.plan.signals]
            raise part.error(f"there is no signal '{pattern}'{nearest(pattern, names)}")
        said.update({index: _reading(survey, index, part) for index in matching})
    return said


def _reading(survey: Survey, index: int, item: Item) -> int | None:
    signal, codes = survey.plan.signals[index], survey.codes.get(index) or {}
    if item.text() == NOTHING:
        return None
    for code, name in codes.items():
        if name == item.text():
            return code
    value = amount(item, signal.unit)
    if codes and value not in codes:
        raise item.error(f"{signal.id} has no code '{item.text()}'{nearest(item.text(), codes.values())}")
    if not signal.lo <= value <= signal.hi:
        bounds = f"{shown(signal.lo, signal.unit)} to {shown(signal.hi, signal.unit)}"
        raise item.error(f"{signal.id} never says {item.text()}; it says {bounds}, or '{NOTHING}'")
    return value


def nearest_to_zero(survey: Survey, index: int) -> int:
    """What a signal says that has nothing to say."""
    signal, codes = survey.plan.signals[index], survey.codes.get(index)
    if codes:
        return min(codes, key=lambda code: (abs(code), code))
    return max(signal.lo, min(0, signal.hi))


def unsaid(survey: Survey, situation: Situation, followed: frozenset[int]) -> None:
    """Complain about a device that has to be seen, and of which a core signal is not said."""
    if situation.zero:
        return
    for device in survey.plan.devices:
        core = [index for index in device.seen.signals() if index not in followed and index not in situation.readings]
        spoken = any(survey.owner(index) == device.id for index in situation.readings)
        if core and device.id not in situation.unseen and (spoken or not device.optional):
            missing = ", ".join(survey.plan.signals[index].id for index in core)
            raise situation.item.error(
                f"{device.id} is not seen without {missing}; say them under 'readings', or 'others: zero', or"
                f" 'unseen: [{device.id}]'"
            )


# ---- where contactors are found ------------------------------------------------------------------------------------
def _closed(survey: Survey, given: Item) -> frozenset[int] | None:
    """The contactors that are found closed; None where nothing is said about them."""
    positions, closed = given.get("positions"), given.get("closed")
    if positions is None and closed is None:
        return None
    found: set[int] = set()
    for name, part in (positions.fields() if positions is not None else {}).items():
        target = survey.plan.targets[_target(survey, name, part)]
        if target.changeover is None:
            raise part.error(f"{name} is no changeover's position; list a contactor under 'closed' instead")
        places = survey.plan.changeovers[target.changeover].places
        names = [place.name for place in places]
        found |= set(places[names.index(part.one_of(names))].members)
    for part in closed or ():
        position = _target(survey, part.text(), part)
        if survey.plan.targets[position].contactor is None:
            raise part.error(f"{part.text()} is no contactor; name one")
        found.add(position)
    return frozenset(found)


def _target(survey: Survey, name: str, item: Item) -> int:
    if name not in survey.positions:
        raise item.error(f"there is no target '{name}'{nearest(name, survey.positions)}")
    return survey.positions[name]


def wished(survey: Survey, name: str, item: Item) -> tuple[int, int]:
    """(target, value) of a wish as an example writes it: ``wallbox.current: 10 A``, ``supply.position: island``."""
    position = _target(survey, name, item)
    target = survey.plan.targets[position]
    if target.changeover is not None:
        names = [place.name for place in survey.plan.changeovers[target.changeover].places]
        return position, names.index(item.one_of(names))
    return position, amount(item, target.unit)
