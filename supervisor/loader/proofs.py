"""What may count as a proof: which questions say enough to let a contactor move.

Rules
* Not knowing proves nothing, and neither does a device that is merely seen.
* Nothing flows: a current in both directions. Open or closed: a contact or a voltage, never a current, for a welded
  contactor of an idle house carries none (hazard H03). A dead bus: a voltage around zero, or a relay that says so.
* What a coil was told is no proof of where its contact is, and the contact of one contactor proves no other one.
* Nothing is shown open of which somebody says that it is closed: one reading cannot mean both, and where two readings
  are asked, open is proven only while the other one denies closed.

Of several questions, ``all of`` is a proof when one part is, ``any of`` when every part is.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from supervisor.kernel.question import AllOf, AnyOf, Is, Outside, Question, Within
from supervisor.kernel.signal import Signal, Unit, shown
from supervisor.loader.documents import Item
from supervisor.loader.questions import question
from supervisor.loader.sites import Parts

Judge = Callable[[Question, Parts], str]


def zero_flow(item: Item, parts: Parts, coil: str) -> Question:
    """A question that proves that nothing flows through ``coil``."""
    return _proof(item, parts, _flowing, coil)


def position(item: Item, parts: Parts, coil: str) -> Question:
    """What a second device says about the main contact of ``coil``."""
    return _proof(item, parts, _unplaced, coil)


def positions(open_: Item, closed: Item, parts: Parts, coil: str) -> tuple[Question, Question]:
    """What it says while the contact is open, and while it is closed."""
    shows_open, shows_closed = position(open_, parts, coil), position(closed, parts, coil)
    if shows_open == shows_closed:
        raise closed.error("is what 'open' says, too; write what the second device shows while the contact is closed")
    ours, theirs = _values(shows_open), _values(shows_closed)
    if not ours or not theirs or shows_open.signals() != shows_closed.signals():
        return AllOf((shows_open, _denied(shows_closed, parts))), shows_closed
    if both := [(max(a[0], b[0]), min(a[1], b[1])) for a in ours for b in theirs if max(a[0], b[0]) <= min(a[1], b[1])]:
        signal = parts.signals[shows_open.signals()[0]]
        raise closed.error(
            f"{signal.id} at {shown(int(max(both[0][0], signal.lo)), signal.unit)} says this and what 'open' says, both"
            " at once; leave a gap between the two"
        )
    return shows_open, shows_closed


def charged(item: Item, parts: Parts) -> Question:
    """The criterion that ends a precharge."""
    return _proof(item, parts, _uncharged)


def onto(item: Item, parts: Parts, dead: bool) -> Question:
    """What must be answered with YES before a bus is closed onto. ``dead``: with a source, so nothing may feed it."""
    return _proof(item, parts, _alive if dead else _unmatched)


def pressed(item: Item, parts: Parts) -> Question:
    """Something that a person does: it is known to be so."""
    return _proof(item, parts, _untouched)


def _proof(item: Item, parts: Parts, judge: Judge, coil: str = "") -> Question:
    asked = question(item, parts.names)
    if flaw := _flaw(asked, parts, judge):
        raise item.error(flaw)
    device = coil.split(".")[0]
    for signal in asked.signals():
        if device and parts.signals[signal].id.split(".")[0] == device:
            raise item.error(f"{parts.signals[signal].id} is told by {device} itself; take the word of another device")
    return asked


def _flaw(asked: Question, parts: Parts, judge: Judge) -> str:
    """Why this proves nothing; "" when it does."""
    if isinstance(asked, AllOf):
        flaws = [_flaw(part, parts, judge) for part in asked.parts]
        return flaws[0] if all(flaws) else ""
    if isinstance(asked, AnyOf):
        return next(filter(None, (_flaw(part, parts, judge) for part in asked.parts)), "")
    return judge(asked, parts)


def _values(asked: Question) -> list[tuple[float, float]]:
    """The values, from .. to, of one signal that are answered with YES; none for a question of another kind."""
    match asked:
        case Is(code=code):
            return [(code, code)]
        case Within(lo=lo, hi=hi):
            return [(lo, hi)]
        case Outside(lo=lo, hi=hi):
            sides = [(-math.inf, lo - 1)] if lo is not None else []
            return sides + ([(hi + 1, math.inf)] if hi is not None else [])
    return []


def _denied(asked: Question, parts: Parts) -> Question:
    """The question that is answered with YES where this one is answered with NO."""
    match asked:
        case Is(signal=signal, max_age_ms=age_ms, code=code):
            two = (parts.signals[signal].lo, parts.signals[signal].hi) == (0, 1)
            return Is(signal, age_ms, 1 - code) if two else Outside(signal, age_ms, code, code)
        case Within(signal=signal, max_age_ms=age_ms, lo=lo, hi=hi):
            return Outside(signal, age_ms, lo, hi)
        case Outside(signal=signal, max_age_ms=age_ms, lo=lo, hi=hi):
            about = parts.signals[signal]
            return Within(signal, age_ms, about.lo if lo is None else lo, about.hi if hi is None else hi)
        case AllOf(parts=several):
            return AnyOf(tuple(_denied(part, parts) for part in several))
        case AnyOf(parts=several):
            return AllOf(tuple(_denied(part, parts) for part in several))
    raise TypeError(f"a {type(asked).__name__} is no proof of a position")


def _signal(asked: Question, parts: Parts) -> Signal | None:
    """The one signal whose value is looked at; None for a question of another kind."""
    return parts.signals[asked.signal] if isinstance(asked, Outside | Within | Is) else None


def _around_zero(asked: Question, signal: Signal) -> str:
    """Is it asked that the value is near zero, from both sides?"""
    match asked:
        case Within(lo=lo, hi=hi) if lo <= 0 <= hi:
            return ""
        case Outside(lo=int(), hi=None) if signal.lo >= 0:
            return ""
        case Outside(lo=int(), hi=None):
            return f"{signal.id} has a sign, so this says nothing about the other direction; write 'within -… .. …'"
    return f"this does not ask for a {signal.unit.name.lower()} near zero; write 'below …' or 'within -… .. …'"


def _flowing(asked: Question, parts: Parts) -> str:
    signal = _signal(asked, parts)
    if signal is None or signal.unit is not Unit.CURRENT:
        return "only a current proves that nothing flows; write for example 'meter.current_l1 below 500 mA'"
    return _around_zero(asked, signal)


def _contact(signal: Signal, parts: Parts) -> str:
    """A contact or a relay's word: whose is it?"""
    if signal.id in parts.target_names:
        return f"{signal.id} is what the coil was told, not where a contact is; name an auxiliary contact"
    for name, (_, target) in parts.target_names.items():
        if name in parts.coil_names and target.readback and parts.signals[target.readback.signal] is signal:
            return f"{signal.id} is the contact of {name}; name an input that belongs to no coil"
    return ""


def _unplaced(asked: Question, parts: Parts) -> str:
    signal = _signal(asked, parts)
    if signal is not None and signal.unit is Unit.CURRENT:
        return "a welded contactor of an idle house carries no current; name an auxiliary contact or a voltage"
    if signal is not None and isinstance(asked, Is):
        return _contact(signal, parts)
    if signal is None or signal.unit is not Unit.VOLTAGE:
        return "only an auxiliary contact or a voltage proves where a main contact is"
    if isinstance(asked, Outside) and asked.hi is None and signal.lo < 0:
        return _around_zero(asked, signal)
    return ""


def _uncharged(asked: Question, parts: Parts) -> str:
    signal = _signal(asked, parts)
    if signal is not None and isinstance(asked, Is):
        return _contact(signal, parts)
    risen = isinstance(asked, Within) or (isinstance(asked, Outside) and asked.lo is None)
    if signal is None or signal.unit is not Unit.VOLTAGE or not risen:
        return "a precharge ends when a voltage has risen; write for example 'bus.voltage above 380 V'"
    return ""


def _unmatched(asked: Question, parts: Parts) -> str:
    signal = _signal(asked, parts)
    if signal is not None and isinstance(asked, Is):
        return _contact(signal, parts)
    if signal is None or signal.unit not in (Unit.VOLTAGE, Unit.POWER):
        return "only a voltage, a power near zero or a relay's contact says what a bus may be closed onto"
    return _around_zero(asked, signal) if signal.unit is Unit.POWER else ""


def _alive(asked: Question, parts: Parts) -> str:
    signal = _signal(asked, parts)
    if signal is not None and isinstance(asked, Is):
        return _contact(signal, parts)
    if signal is None or signal.unit is not Unit.VOLTAGE:
        return (
            "a bus is proven dead by its voltage, for one that gives nothing may still be live; name a voltage or a"
            " synchronism relay's contact"
        )
    return _around_zero(asked, signal)


def _untouched(asked: Question, parts: Parts) -> str:
    if _signal(asked, parts) is None:
        return "somebody must be known to have done it; write for example 'panel.reset is pressed'"
    return ""
