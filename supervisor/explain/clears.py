"""What ends a binding rule: which readings, for how long, by whose hand; and when, where time alone does it.

The times are those of the kernel (trip.py): a rule that acted on a YES ends when its question has been answered NO for
its ``clear``, one that acted on not knowing sooner, after its ``hold``.
"""

from __future__ import annotations

from supervisor.explain import modes
from supervisor.explain.account import Clearing
from supervisor.explain.asked import Asked, devices, silent
from supervisor.explain.known import known
from supervisor.explain.rooms import circuit_clears, curve_clears
from supervisor.explain.words import Words, lasting, listed
from supervisor.kernel import latch
from supervisor.kernel.headroom import read
from supervisor.kernel.heat import Curve
from supervisor.kernel.mains import Circuit, Dimming, Export
from supervisor.kernel.plan import Cap, ModeRule
from supervisor.kernel.question import NO, UNKNOWN, YES, Answer
from supervisor.kernel.signal import Unit, shown
from supervisor.kernel.switchgear import Changeover
from supervisor.kernel.trip import Latch, Rule, Trip, kind

PARTS_MAX = 3  # a question with more parts is named instead of spelled out once all of them are NO


def clearing(words: Words, rule: str, position: int) -> Clearing:
    """What ends the binding of ``rule`` on target ``position``. Never raises for an id that nobody knows."""
    found = known(words, rule)
    match found.row:
        case Rule() as row:
            return of_trip(words, row, words.moment.state.trips[words.plan.rules.index(row)])
        case Cap() as row:
            return _cap(words, row)
        case Circuit() as row:
            return circuit_clears(words, row, position)
        case Curve() as row:
            return curve_clears(words, row)
        case Export() | Dimming() as row:
            return _operator(words, row)
        case Changeover() as row:
            return _changeover(words, row)
        case ModeRule() as row:
            return _mode(words, row)
    if rule.endswith(".sign"):
        return clearing(words, rule.removesuffix(".sign"), position)
    if rule == "rating":
        return Clearing(rule, "nothing: it is what the device itself can do", "document")
    return Clearing(rule, f"its document says what it is for: {found.why}", "document")


def of_trip(words: Words, rule: Rule, trip: Trip) -> Clearing:
    """What ends this row. A row that does not act says so."""
    asked = Asked(words)
    if trip.cause is NO:
        return Clearing(rule.id, "nothing to do: it does not act", "time", 0, 0)
    takes_ms = takes(rule, trip)
    answer = asked.answer(rule.question)
    in_ms = max(trip.since_ms + takes_ms - words.now_ms, 0) if answer is NO and trip.answer is NO else None
    saw = asked.saw(rule.question)
    latched = kind(rule, trip)
    if latched is Latch.DANGER:
        return _latched(words, rule, trip, takes_ms, in_ms, saw)
    if latched is Latch.NUISANCE:
        return _nuisance(words, rule, trip, takes_ms, in_ms, saw)
    text = f"when {_calm(asked, rule, answer)}{_lasting(takes_ms)}; {_standing(words, answer, trip, in_ms)}"
    return Clearing(rule.id, text, "time" if in_ms is not None else "readings", in_ms, takes_ms, saw)


def _nuisance(words: Words, rule: Rule, trip: Trip, takes_ms: int, in_ms: int | None, saw: tuple[str, ...]) -> Clearing:
    """A nuisance latch: its cause has to go, then it ends by its time, by a signature, or by hand in the house."""
    asked = Asked(words)
    answer, left = asked.answer(rule.question), latch.left(words.moment.state.acknowledged, words.now_ms)
    cause = f"when {_calm(asked, rule, answer)}{_lasting(takes_ms)}; {_standing(words, answer, trip, in_ms)}"
    ways = [f"an acknowledgement with the installer's key ({left} of {latch.ACKNOWLEDGED_MAX} are left for a day)"]
    ways += [f"a local reset by hand in the house ({asked.says(reset)})"] if (reset := words.plan.local.reset) else []
    text = f"{cause}; then {' or '.join(ways)}"
    if rule.recovers_ms is None:
        return Clearing(rule.id, text, "key" if in_ms == 0 else "readings", None, takes_ms, saw)
    takes_ms = max(takes_ms, rule.recovers_ms)
    over_ms = None if in_ms is None else max(trip.since_ms + takes_ms - words.now_ms, 0)
    when = f", {words.until(words.now_ms + over_ms)}" if over_ms else ""
    text += f"; or by itself{_lasting(takes_ms).replace(' for', ' after')}{when}"
    return Clearing(rule.id, text, "time" if over_ms is not None else "readings", over_ms, takes_ms, saw)


def takes(rule: Rule, trip: Trip) -> int:
    """How long the answer must be NO without a break (ms)."""
    return rule.clear_ms if trip.cause is YES else rule.hold_ms


def _lasting(ms: int) -> str:
    return f" for {lasting(ms)} without a break" if ms else ""


def _calm(asked: Asked, rule: Rule, answer: Answer) -> str:
    """What must be so, in words; what is unknown has to be known first."""
    parts = getattr(rule.question, "parts", ())
    if answer is NO and len(parts) > PARTS_MAX:
        return f"the answer to '{asked.says(rule.question)}' stays no"
    if answer is not UNKNOWN:
        return asked.denies(rule.question)
    signals = tuple(dict.fromkeys(s for part in asked.deciding(rule.question) for s in part.signals()))
    lost = [name for name in devices(asked.words, signals) if silent(asked.words, name)]
    if lost and len(lost) == len(devices(asked.words, signals)):
        return f"{listed(lost)} {'is' if len(lost) == 1 else 'are'} heard again, and {asked.denies(rule.question)}"
    known_again = (
        f"{listed([asked.words.signal(s) for s in signals])} {'is' if len(signals) == 1 else 'are'} known again"
    )
    return f"{known_again}, and {asked.denies(rule.question)}"


def _standing(words: Words, answer: Answer, trip: Trip, in_ms: int | None) -> str:
    """Where it stands: not yet, or since when and until when."""
    if answer is NO and in_ms is not None:
        if in_ms == 0:
            return "that is done"
        return f"so {words.since(trip.since_ms)}, and it ends {words.until(words.now_ms + in_ms)}"
    return "not known now" if answer is UNKNOWN else "not so now"


def _latched(words: Words, rule: Rule, trip: Trip, takes_ms: int, in_ms: int | None, saw: tuple[str, ...]) -> Clearing:
    """A danger latch: the cause has to go first, then somebody in the house resets it."""
    asked = Asked(words)
    reset = words.plan.local.reset
    if reset is None:
        press = "a local reset, and this site declares none ('local: reset:' in site.yaml); call whoever built it"
    else:
        press = f"a local reset, by hand in the house ({asked.says(reset)})"
    often = f" (it tripped {len(trip.recent)} times in a row, so nothing else ends it)" if trip.repeated else ""
    press += f"{often}; what was wished before does not come back by itself"
    if in_ms == 0:
        return Clearing(rule.id, f"its cause has gone; now {press}", "hand", None, 0, saw)
    first = f"{asked.denies(rule.question)}{_lasting(takes_ms)}"
    return Clearing(rule.id, f"first its cause must be gone: {first}; then {press}", "hand", None, takes_ms, saw)


def _cap(words: Words, cap: Cap) -> Clearing:
    signal = words.signal(cap.source.signal)
    saw = (words.reading(cap.source.signal, cap.source.max_age_ms),)
    if read(cap.source, words.moment.image, words.now_ms) is None:
        return Clearing(cap.id, f"when {signal} is heard again", "readings", None, 0, saw)
    return Clearing(cap.id, f"when the device itself allows more: {signal} rises", "readings", None, 0, saw)


def _operator(words: Words, row: Export | Dimming) -> Clearing:
    """What the grid operator asks ends with his word; a lost input or meter counts as if he asked."""
    if isinstance(row, Export):
        saw = tuple(words.reading(part.signal, part.max_age_ms) for part in row.meter)
        text = (
            f"when the house itself takes more, or the roof gives less: at most {_watts(row.limit)} may leave the house"
        )
        return Clearing(row.id, text, "readings", None, 0, saw)
    supply, grid = words.moment.state.proven.grid, words.plan.grid
    said = grid.lpc.states[supply.input.machine.state] if grid is not None and supply is not None else "init"
    sources = [source for source in (row.value, row.beat) if source is not None]
    seen = tuple(words.reading(source.signal, source.max_age_ms) for source in sources)
    if row.contact is not None:
        text = f"when the operator's contact lets go ({Asked(words).denies(row.contact)})"
        return Clearing(row.id, f"{text}; his limit is {said}", "readings", None, 0, Asked(words).saw(row.contact))
    return Clearing(
        row.id, f"when the operator says that there is no limit; his limit is {said}", "readings", None, 0, seen
    )


def _watts(milliwatts: int) -> str:
    return shown(milliwatts, Unit.POWER)


def _changeover(words: Words, row: Changeover) -> Clearing:
    switch = words.moment.state.switches[words.plan.changeovers.index(row)]
    if words.plan.changeover.states[switch.machine.state] == "resting":
        return Clearing(row.id, f"when {row.id} rests in another position than {row.places[switch.at].name}", "request")
    going = f"from {row.places[switch.at].name} to {row.places[switch.goal].name}"
    reason = (switch.reason,) if switch.reason else ()
    return Clearing(row.id, f"when {row.id} has arrived; it goes {going}", "readings", None, None, reason)


def _mode(words: Words, row: ModeRule) -> Clearing:
    """A mode's rule ends with the mode; what keeps the mode is said beneath."""
    text = f"when the house is no longer in mode {words.mode()}"
    under = [*modes.reasons(words)]
    if how := modes.ends(words):
        under.append(f"that is {how}")
    return Clearing(row.id, text, "mode", None, None, tuple(under))
