"""A circuit's sum in words: what the fuse bears, what the rest of the house draws, and what is left for this target."""

from __future__ import annotations

from supervisor.explain.account import Clearing
from supervisor.explain.asked import devices, last_heard, silent
from supervisor.explain.words import Words, lasting, listed
from supervisor.kernel import heat, sight
from supervisor.kernel.excess import FORGET_MS
from supervisor.kernel.headroom import drawn, excess_of, measured
from supervisor.kernel.heat import Curve
from supervisor.kernel.mains import Circuit, Feed
from supervisor.kernel.signal import Unit, shown


def circuit_clears(words: Words, circuit: Circuit, position: int) -> Clearing:
    """What gives this target more room: the meter has to be heard, or the rest of the house has to draw less."""
    feed = next((feed for feed in circuit.feeds if feed.target == position), None)
    if feed is None:
        return Clearing(circuit.id, "when the circuit has more to give", "readings")
    saw, more = _readings(words, circuit, feed), excess(words, circuit, position)
    beyond = f"; {_beyond(words, position, more)}" if more else ""
    if blind := [at for at in _phases(circuit, feed) if circuit.phases and _flow(words, circuit, at) is None]:
        signals = [circuit.phases[at].current.signal for at in blind]
        names = [name for name in devices(words, signals) if silent(words, name)] or [words.signal(i) for i in signals]
        text = f"when {listed(names)} {'is' if len(names) == 1 else 'are'} heard again; until then it counts as full"
        text += f" and at most {_amps(max(circuit.blind - more, 0))} is left{beyond}"
        return Clearing(circuit.id, text, "readings", None, circuit.trust_ms, saw)
    if (left_ms := _untrusted_ms(words, circuit)) is not None:
        text = (
            f"when its meter has been heard for long enough to be trusted again, {words.until(words.now_ms + left_ms)}"
            f"{beyond}"
        )
        return Clearing(circuit.id, text, "time", left_ms, left_ms, saw)
    full = max(min(words.plan.targets[position].hi, circuit.fuse - circuit.margin - more), 0)
    most = max(circuit.fuse - circuit.margin - more - full, 0)
    text = f"when others draw less: every ampere less is one more here; all of {_amps(full)} when the rest of the house"
    text += f" draws at most {_amps(most)} on each phase"
    if circuit.asymmetry is not None:
        text += f", and no phase imports {_amps(circuit.asymmetry)} more than another"
    return Clearing(circuit.id, text + beyond, "load", None, 0, saw)


def excess(words: Words, circuit: Circuit, position: int) -> int:
    """What this target draws beyond what it was told (mA), as its circuit reckons."""
    return excess_of(circuit, position, words.moment.state.proven.circuits[words.plan.circuits.index(circuit)])


def _beyond(words: Words, position: int, more: int) -> str:
    name = words.plan.targets[position].id
    text = f"{name} draws {_amps(more)} more than it was told, so that much less is left for it"
    return f"{text} until it has not done so for {lasting(FORGET_MS)}"


def curve_clears(words: Words, curve: Curve) -> Clearing:
    """A warm or hot fuse has to cool, and cools the faster the less flows."""
    place = next(at for at, circuit in enumerate(words.plan.circuits) if circuit.curve is curve)
    heats = words.moment.state.proven.circuits[place].heats
    saw = tuple(
        f"L{at + 1} has used up {heat.used(one, words.now_ms) // 10} % of its fuse's patience: {heat.STAGES[one.stage]}"
        for at, one in enumerate(heats)
    )
    dues = [one.due_ms for one in heats if one.stage != heat.COOL]
    text = "when the fuse has cooled, which it does while little flows"
    if not dues or None in dues:
        return Clearing(curve.id, text, "readings", None, None, saw)
    left_ms = max(max(due for due in dues if due is not None) - words.now_ms, 0)
    return Clearing(
        curve.id, f"{text}; a stage cooler {words.until(words.now_ms + left_ms)}", "time", left_ms, left_ms, saw
    )


def _untrusted_ms(words: Words, circuit: Circuit) -> int | None:
    """How long until a meter that is heard is trusted; None where all of it is, or none of it is heard."""
    watched = words.moment.state.proven.circuits[words.plan.circuits.index(circuit)]
    waits = [
        max(one.since_ms + sight.need_ms(one, circuit.trust_ms) - words.now_ms, 0)
        for one in watched.sights
        if one.seen and not one.trusted
    ]
    return max(waits) if waits else None


def _phases(circuit: Circuit, feed: Feed) -> list[int]:
    return [at for at in range(circuit.width) if at not in feed.absent]


def _flow(words: Words, circuit: Circuit, at: int) -> int | None:
    return measured(circuit.phases[at], words.moment.image, words.now_ms)


def _readings(words: Words, circuit: Circuit, feed: Feed) -> tuple[str, ...]:
    """What the meter says on each phase; of a silent one, what it said last."""
    phases = [circuit.phases[at] for at in _phases(circuit, feed)] if circuit.phases else []
    signals = [phase.current.signal for phase in phases]
    meters = devices(words, signals)
    if meters and all(silent(words, meter) for meter in meters):
        return tuple(last_heard(words, meter, [i for i in signals if words.device(i) == meter]) for meter in meters)
    return tuple(line for at in _phases(circuit, feed) for line in _phase(words, circuit, feed, at))


def _phase(words: Words, circuit: Circuit, feed: Feed, at: int) -> list[str]:
    """One phase: its readings, and the sum that they make. A circuit without a meter has none of its own."""
    if not circuit.phases:
        source = feed.own[at]
        return [words.reading(source.signal, source.max_age_ms)] if source is not None else []
    phase = circuit.phases[at]
    flow = _flow(words, circuit, at)
    lines = [words.reading(phase.current.signal, phase.current.max_age_ms)]
    if flow is None:
        if phase.power is not None:
            lines.append(words.reading(phase.power.signal, phase.power.max_age_ms))
        return lines
    own = drawn(feed, at, words.moment.image, words.now_ms)
    rest, fuse, margin = (shown(value, Unit.CURRENT) for value in (flow - own, circuit.fuse, circuit.margin))
    more = excess(words, circuit, feed.target)
    beyond = f" and {_amps(more)} that it draws beyond what it was told" if more else ""
    return [f"{lines[0]}; without this one {rest}, of {fuse} less {margin} margin{beyond}"]


def _amps(milliamps: int) -> str:
    return shown(milliamps, Unit.CURRENT)


__all__ = ["circuit_clears", "curve_clears", "excess"]
