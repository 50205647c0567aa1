"""What a person can do now: concrete, in the order in which it helps, and only what is possible.

The order: what a hand in the house has to do (nothing else helps before it), what can be asked right now, what is to be
looked at, and how long waiting would take.
"""

from __future__ import annotations

from collections.abc import Iterable

from supervisor.explain.account import Advice, Clearing
from supervisor.explain.asked import Asked, silent
from supervisor.explain.asks import Ask, answers
from supervisor.explain.rooms import excess
from supervisor.explain.told import Told
from supervisor.explain.words import Words, lasting, listed
from supervisor.gateway import units
from supervisor.kernel.hands import LOCAL
from supervisor.kernel.latch import left, why_not
from supervisor.kernel.lease import Kind, Verdict
from supervisor.kernel.plan import Target
from supervisor.kernel.question import NO, YES
from supervisor.kernel.trip import Latch, kind

WAITS_FOR_ZERO = ("draining", "held", "breaking", "stranded")
API = "http://127.0.0.1:8080/v1"


def advice(words: Words, position: int, at: Told, clears: Iterable[Clearing]) -> list[Advice]:
    """For one target; never empty."""
    clears = list(clears)
    found = [*_hands(words, clears), *_looks(words), *_still(clears), *_less(words, position, at, clears)]
    found += [*_asks(words, position, at), *_buttons(words, position), *_waits(clears)]
    return found or [Advice("nothing: it does what it is wanted to do")]


def _hands(words: Words, clears: list[Clearing]) -> list[Advice]:
    """Maintenance first, then latches: by hand in the house."""
    found = []
    if words.moment.state.local.maintenance and words.plan.local.maintenance is not None:
        key = Asked(words).denies(words.plan.local.maintenance)
        found.append(Advice(f"turn the maintenance key back when the work is done ({key}), then reset by hand"))
    if any(clear.by == "hand" for clear in clears) and words.plan.local.reset is not None:
        press = Asked(words).says(words.plan.local.reset)
        gone = all(clear.takes_ms == 0 for clear in clears if clear.by == "hand")
        first = "" if gone else "look for the cause and remove it; then "
        found.append(Advice(f"{first}press the reset in the house ({press}); no command and no app can do it"))
    if named := _acknowledged(words, clears):
        found += [
            Advice(f"acknowledge {rule} with the installer's key", f"powerwarden ack {rule} --key FILE")
            for rule in named
        ]
    return found


def _still(clears: list[Clearing]) -> list[Advice]:
    """A changeover that waits for a current to stop: whoever draws it can be stopped by hand."""
    waits = [line for clear in clears if clear.rule in WAITS_FOR_ZERO for line in clear.under if ": flowing;" in line]
    return [Advice(f"see what still draws, and stop it: {line}") for line in waits]


def _less(words: Words, position: int, at: Told, clears: list[Clearing]) -> list[Advice]:
    """Where a fuse binds: how much less others would have to draw for this target to do anything at all, or all."""
    least = next((high for low, high in at.target.bands if low == at.target.safe and at.span.hi < high), at.target.hi)
    found = []
    for circuit in words.plan.circuits:
        if any(clear.rule == circuit.id and clear.by == "load" for clear in clears) and at.span.hi < at.wanted:
            if more := excess(words, circuit, position):
                much = words.amount(at.target, more)
                found.append(Advice(f"see to what hangs on {at.target.id}: it draws {much} more than it was told"))
            if (rest := circuit.fuse - circuit.margin - least - more) < 0:
                continue  # nothing else that is switched off would help
            most = words.amount(at.target, rest)
            text = f"switch off something else behind {circuit.id}: {words.amount(at.target, least)} are free here when"
            found.append(Advice(f"{text} the rest draws at most {most} on each phase"))
    return found


def _acknowledged(words: Words, clears: list[Clearing]) -> list[str]:
    """The rules among these that an acknowledgement would end right now, as the kernel judges it."""
    state = words.moment.state
    if state.local.maintenance or not left(state.acknowledged, words.now_ms):
        return []
    pairs = zip(words.plan.rules, state.trips, strict=True)
    ends = [rule.id for rule, trip in pairs if why_not(rule, trip, words.now_ms) == ("", "")]
    return [rule for rule in ends if any(clear.rule == rule for clear in clears)]


def _asks(words: Words, position: int, at: Told) -> list[Advice]:
    """What can be asked now, by whom, and with which command; or why nobody can ask for anything."""
    asks, target = answers(words, position), at.target
    granted = [ask for ask in asks if ask.granted]
    if not granted:
        others = [ask for ask in asks if not _only_held(ask)]
        return [*_refused(asks), *([] if others else _held(words, at))]
    best: dict[tuple[int, str], list[Ask]] = {}
    for ask in granted:
        best.setdefault((ask.decision.value if ask.decision.value is not None else ask.value, _side(ask, target)), [])
        best[(ask.decision.value if ask.decision.value is not None else ask.value, _side(ask, target))].append(ask)
    found = []
    for (value, side), who in best.items():
        switched = target.contactor is not None or target.changeover is not None
        if value == at.wanted and (at.state.lease is not None or (switched and value == at.output)):
            continue  # just that is asked for already
        names = listed(list(dict.fromkeys(ask.identity for ask in who)), "or")
        stop = "; that also ends the stop" if at.state.stopped_by else ""
        text = f"ask for {side}{words.amount(target, value)} as {names}{_band(words, target, value)}{stop}"
        found.append(Advice(text, command(target, value)))
    return [*found, *_refused(asks)]


def _side(ask: Ask, target: Target) -> str:
    """A clipped or full answer of a level is a bound; a switch has no more and no less."""
    if target.contactor is not None or target.changeover is not None:
        return ""
    return "at most " if ask.value > target.safe else "at least "


def _band(words: Words, target: Target, value: int) -> str:
    """What the device cannot do below what may be asked."""
    gaps = [(low, high) for low, high in target.bands if high <= value]
    words_of = (f"nothing between {words.amount(target, low)} and {words.amount(target, high)}" for low, high in gaps)
    return "".join(f" ({text})" for text in words_of)


def _held(words: Words, at: Told) -> list[Advice]:
    """Somebody else holds it: he can release it, somebody with more priority can take it over, anybody can stop it."""
    lease = at.state.lease
    if lease is None:
        return []
    holder = words.plan.identities[lease.holder]
    above = [i.name for i in words.plan.identities if i.priority > holder.priority and i.role != LOCAL]
    over = f"; {listed(above, 'or')} could take it over" if above else ""
    text = f"let {holder.name} release it, or wait until {words.clock(lease.expires_ms)}{over}; a stop always passes"
    return [Advice(text, f"curl -X POST -H 'Authorization: Bearer TOKEN' {API}/targets/{at.target.id}/release")]


def _only_held(ask: Ask) -> bool:
    """Is it refused for no other reason than that somebody else holds the target?"""
    return any(clause.rule == "lease.held" for clause in ask.decision.clauses)


def _refused(asks: list[Ask]) -> list[Advice]:
    """Nobody would be granted anything: said with the clause that refuses."""
    reasons: dict[str, list[str]] = {}
    for ask in asks:
        if ask.decision.verdict is Verdict.REFUSED:
            for clause in ask.decision.clauses[-1:]:
                reasons.setdefault(f"{clause.rule}: {clause.text}", []).append(ask.identity)
    return [
        Advice(f"no use in asking as {listed(list(dict.fromkeys(who)), 'or')}: it would be refused ({reason})")
        for reason, who in list(reasons.items())[:2]
    ]


def _looks(words: Words) -> list[Advice]:
    """Devices that are not heard and that something waits for: power and cable first."""
    found = []
    buses = {device.name: bus for bus in words.moment.loaded.site.buses for device in bus.devices}
    for device in words.plan.devices:
        if device.optional or Asked(words).answer(device.seen) is YES:
            continue
        if not silent(words, device.id):
            bad = [line for line in Asked(words).saw(device.seen) if "(good" not in line or "too old" in line]
            found.append(Advice(f"look at {device.id}: it is heard, but does not tell all that it must ({bad[0]})"))
            continue
        bus = buses[device.id]
        also = [d.name for d in bus.devices if d.name != device.id and silent(words, d.name)]
        hint = f"; {listed(also)} on the same bus is silent too, so look at the bus" if also else ""
        where = f"on bus {bus.name} ({bus.kind.value})"
        found.append(Advice(f"look at {device.id} {where}: does it have power, is its cable in{hint}"))
    return found


def _buttons(words: Words, position: int) -> list[Advice]:
    """The buttons in the house that ask for something here."""
    target = words.plan.targets[position]
    found = []
    for hand in words.plan.local.hands:
        for ordered, value in hand.orders:
            if ordered == position:
                press = Asked(words).says(hand.question)
                wish = f"it asks for {words.amount(target, value)} for {lasting(hand.for_ms)}"
                found.append(Advice(f"press {hand.id} in the house ({press}): {wish}, before everybody else"))
    return found


def _waits(clears: list[Clearing]) -> list[Advice]:
    """How long waiting takes, where time alone does it."""
    waits = [
        (clear.in_ms, clear.rule) for clear in clears if clear.in_ms and clear.by == "time" and clear.rule != "lease"
    ]
    if not waits:
        return []
    longest_ms, rule = max(waits)
    return [Advice(f"or wait: {rule} is over in {lasting(longest_ms)} if everything stays as it is")]


def latches(words: Words) -> list[str]:
    """Rows that wait for somebody, and for whom."""
    by = {Latch.DANGER: "a local reset", Latch.NUISANCE: "an acknowledgement or its time", Latch.NONE: "nobody"}
    rows = zip(words.plan.rules, words.moment.state.trips, strict=True)
    return [f"{rule.id} is latched since {words.clock(trip.cause_ms)} and waits for {by[kind(rule, trip)]}"
            + ("" if Asked(words).answer(rule.question) is NO else "; its cause is still there")
            for rule, trip in rows if trip.latched]  # fmt: skip


def command(target: Target, value: int) -> str:
    """The request as a command line."""
    unit = units.shown_unit(target.unit.value) if target.changeover is None else "position"
    body = f'{{"value": {units.shown(value, target.unit.value)}, "unit": "{unit}", "kind": "{Kind.SETTING.value}"}}'
    return f"curl -X PUT -H 'Authorization: Bearer TOKEN' {API}/targets/{target.id}/setpoint -d '{body}'"
