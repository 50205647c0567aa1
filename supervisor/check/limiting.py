"""Findings about limits, interlocks and circuits: rows that never act, act always, or promise what cannot be kept."""

from __future__ import annotations

from collections.abc import Iterator

from supervisor.check.finding import Spot
from supervisor.check.possible import possible
from supervisor.check.survey import Survey, ages, comparisons, leaves, narrowings
from supervisor.kernel.mains import Circuit
from supervisor.kernel.plan import Target
from supervisor.kernel.question import Fresh, Question, TooOld
from supervisor.kernel.signal import Unit, shown
from supervisor.kernel.trip import Latch, Rule, Severity
from supervisor.loader.documents import Item


# ---- limits --------------------------------------------------------------------------------------------------------
def rule_never(survey: Survey) -> Iterator[Spot]:
    for rule in survey.plan.rules:
        if rule.id in survey.loaded.policies.ids and not possible(survey, rule.question):
            yield Spot(survey.of_rule(rule.id, "when"), f"{rule.id} can never act: {_ranges(survey, rule.question)}")


def rule_always(survey: Survey) -> Iterator[Spot]:
    for rule in survey.plan.rules:
        if rule.id in survey.loaded.policies.ids and not possible(survey, rule.question, wanted=False):
            yield Spot(survey.of_rule(rule.id, "when"), f"{rule.id} always acts: {_ranges(survey, rule.question)}")


def _ranges(survey: Survey, asked: Question) -> str:
    """What the signals of a question can say at all, in words."""
    said = []
    for index in dict.fromkeys(asked.signals()):
        signal, codes = survey.plan.signals[index], survey.codes.get(index)
        lo_hi = f"{shown(signal.lo, signal.unit)} to {shown(signal.hi, signal.unit)}"
        said.append(f"{signal.id} says {', '.join(codes.values()) if codes else lo_hi}")
    return " and ".join(said)


def question_never(survey: Survey) -> Iterator[Spot]:
    """Questions whose YES somebody waits for: interlocks, proofs and buttons."""
    for item, asked in _waited_for(survey):
        if not possible(survey, asked):
            yield Spot(item, f"this can never be so: {_ranges(survey, asked)}")


def _waited_for(survey: Survey) -> Iterator[tuple[Item, Question]]:
    plan, local = survey.plan, survey.plan.local
    yield from ((survey.of_rule(n.id, "only_while"), n.question) for n in plan.needs if n.question is not None)
    for position in survey.contactors:
        contactor = plan.targets[position].contactor
        if contactor is not None and contactor.zero_flow is not None:
            yield survey.of_target(position, "zero_flow"), contactor.zero_flow
        if contactor is not None and contactor.precharge is not None:
            yield survey.of_target(position, "precharge", "until"), contactor.precharge.until
    for changeover in plan.changeovers:
        for place in changeover.places:
            if place.onto is not None:
                yield survey.of_rule(changeover.id, "positions", place.name, "onto"), place.onto
    for key, asked in (("reset", local.reset), ("maintenance", local.maintenance)):
        if asked is not None:
            yield survey.at("local", key), asked
    yield from ((survey.of_rule(hand.id, "when"), hand.question) for hand in local.hands)


def unknown_ignored(survey: Survey) -> Iterator[Spot]:
    """A limit that says nothing for the case that it cannot be answered."""
    for rule in survey.plan.rules:
        asks_age = any(isinstance(leaf, TooOld | Fresh) for leaf in leaves(rule.question))
        optional = all(survey.plan.signals[index].optional for index in rule.question.signals())
        silent = not rule.unknown_actions and rule.unknown_severity is Severity.NONE
        if silent and not asks_age and not optional and rule.id in survey.loaded.policies.ids:
            yield Spot(survey.of_rule(rule.id), f"{rule.id} does nothing while its question cannot be answered")


def limit_in_gap(survey: Survey) -> Iterator[Spot]:
    """A bound that the device cannot do."""
    for item, action in narrowings(survey):
        target = survey.plan.targets[action.target]
        for bound in (action.lo, action.hi):
            if bound is not None and (gap := _gap(bound, target)):
                yield Spot(item, f"{shown(bound, target.unit)} is nothing that {target.id} can do: it becomes {gap}")


def _gap(value: int, target: Target) -> str:
    """What becomes of a value inside a forbidden band; "" for any other."""
    for low, high in target.bands:
        if low < value < high:
            return shown(low if value > target.safe else high, target.unit)
    return ""


def danger_without_reset(survey: Survey) -> Iterator[Spot]:
    if survey.plan.local.reset is None:
        for rule in survey.plan.rules:
            if rule.id not in survey.loaded.policies.ids:
                continue
            if rule.latch is Latch.DANGER:
                yield Spot(survey.of_rule(rule.id, "latch"), f"{rule.id} latches, and nothing in the house resets it")
            elif rule.repeats is not None:
                what = f"{rule.id} becomes a danger latch when it repeats, and nothing in the house resets it"
                yield Spot(survey.of_rule(rule.id, "repeats"), what)


def nuisance_without_end(survey: Survey) -> Iterator[Spot]:
    """A nuisance latch that neither time, nor the house, nor an installer ends."""
    if survey.plan.local.reset is None and not survey.loaded.installers:
        for rule in survey.plan.rules:
            if rule.latch is Latch.NUISANCE and rule.recovers_ms is None:
                what = f"{rule.id} latches, and neither time nor anybody ends that"
                yield Spot(survey.of_rule(rule.id, "latch"), what)


def slower_than_hold(survey: Survey) -> Iterator[Spot]:
    """One spot per target: how fast it follows, and which limits read as if it were faster."""
    for position, spec in survey.specs.items():
        target = survey.plan.targets[position]
        hasty = [rule for rule in survey.plan.rules if _acts_on(rule, position) and rule.hold_ms < spec.enforce_ms]
        if hasty and not target.contactor:
            names = ", ".join(f"{rule.id} ({shown(rule.hold_ms, Unit.TIME)})" for rule in hasty)
            what = (
                f"{target.id} may take {shown(spec.enforce_ms, Unit.TIME)} to follow, longer than these wait: {names}"
            )
            yield Spot(survey.of_target(position), what)


def _acts_on(rule: Rule, position: int) -> bool:
    return any(action.target == position for action in rule.actions)


def device_unmentioned(survey: Survey) -> Iterator[Spot]:
    """A device that may vanish without anybody saying what then."""
    mentioned: set[str] = set()
    for rule in survey.plan.rules:
        acts = bool(rule.unknown_actions) or rule.unknown_severity is not Severity.NONE
        heard = rule.question.signals() if acts else ages(rule.question)
        mentioned |= {survey.owner(signal) for signal in heard}
    mentioned |= {survey.owner(cap.source.signal) for cap in survey.plan.caps}
    mentioned |= {survey.owner(phase.current.signal) for c in survey.plan.circuits for phase in c.phases}
    for device in survey.plan.devices:
        if device.id not in mentioned and not device.optional:
            yield Spot(survey.at("devices", device.id), f"no document says what follows when {device.id} is lost")


# ---- caps and circuits ---------------------------------------------------------------------------------------------
def cap_blind_wide(survey: Survey) -> Iterator[Spot]:
    for cap in survey.plan.caps:
        target = survey.plan.targets[cap.target]
        if cap.blind >= target.hi:
            limit = survey.plan.signals[cap.source.signal].id
            what = f"while {limit} is not known, {target.id} may have all of its {shown(target.hi, target.unit)}"
            yield Spot(survey.of_rule(cap.id, "blind"), what)


def blind_in_gap(survey: Survey) -> Iterator[Spot]:
    for circuit in survey.plan.circuits:
        for feed in circuit.feeds:
            target = survey.plan.targets[feed.target]
            if gap := _gap(circuit.blind, target):
                what = f"{shown(circuit.blind, target.unit)} is nothing that {target.id} can do: it becomes {gap}"
                yield Spot(survey.of_rule(circuit.id, "blind"), what)


def blind_exceeds_fuse(survey: Survey) -> Iterator[Spot]:
    for circuit in survey.plan.circuits:
        together = _most_feeds(circuit) * circuit.blind
        if together > circuit.fuse:
            words = f"while its meter is silent its feeds may take {shown(together, Unit.CURRENT)} together"
            yield Spot(
                survey.of_rule(circuit.id, "blind"), f"{words}, and its fuse is {shown(circuit.fuse, Unit.CURRENT)}"
            )


def _most_feeds(circuit: Circuit) -> int:
    """How many feeds share the phase with the most of them."""
    counts = (sum(phase not in feed.absent for feed in circuit.feeds) for phase in range(circuit.width))
    return max(counts, default=0)


def circuit_starves(survey: Survey) -> Iterator[Spot]:
    for circuit in survey.plan.circuits:
        left = circuit.fuse - circuit.margin
        for feed in circuit.feeds:
            target = survey.plan.targets[feed.target]
            least = min((high for low, high in target.bands if low == target.safe), default=target.safe + target.step)
            if left < least:
                what = f"fuse less margin leaves {shown(left, target.unit)}, and {target.id} begins at"
                yield Spot(survey.of_rule(circuit.id, "fuse"), f"{what} {shown(least, target.unit)}")


def circuit_idle(survey: Survey) -> Iterator[Spot]:
    """Only a circuit that measures nothing but its own feeds is known to carry nothing else."""
    for circuit in survey.plan.circuits:
        most = sum(survey.plan.targets[feed.target].hi for feed in circuit.feeds)
        alone = _own_meter(survey, circuit) or not circuit.phases
        if alone and most + circuit.unmeasured <= circuit.fuse - circuit.margin:
            amounts = f"{shown(most, Unit.CURRENT)} on a fuse of {shown(circuit.fuse, Unit.CURRENT)}"
            yield Spot(survey.of_rule(circuit.id), f"its feeds can take {amounts} at most, so it never binds")


def _own_meter(survey: Survey, circuit: Circuit) -> bool:
    """Is the circuit measured by what hangs on it, and by nothing else?"""
    feeds = {survey.plan.targets[feed.target].id.partition(".")[0] for feed in circuit.feeds}
    return bool(circuit.phases) and all(survey.owner(phase.current.signal) in feeds for phase in circuit.phases)


def fuse_over_parent(survey: Survey) -> Iterator[Spot]:
    for circuit in survey.plan.circuits:
        above = None if circuit.parent is None else survey.plan.circuits[circuit.parent]
        if above is not None and circuit.fuse >= above.fuse:
            fuses = f"{shown(circuit.fuse, Unit.CURRENT)} under {shown(above.fuse, Unit.CURRENT)} of {above.id}"
            yield Spot(survey.of_rule(circuit.id, "fuse"), f"its fuse is {fuses}")


def circuit_without_direction(survey: Survey) -> Iterator[Spot]:
    for circuit in survey.plan.circuits:
        if any(phase.power is None for phase in circuit.phases) and not _own_meter(survey, circuit):
            yield Spot(survey.of_rule(circuit.id, "meter"), "without power signals export counts as import")


def no_second_source(survey: Survey) -> Iterator[Spot]:
    """Swapped clamps turn the sign, and the fuse's arithmetic with it (hazard H07)."""
    pairs = [pair for rule in survey.plan.rules for pair in comparisons(rule.question)]
    compared = {survey.owner(a) for a, b in pairs if survey.owner(a) != survey.owner(b)}
    compared |= {survey.owner(b) for a, b in pairs if survey.owner(a) != survey.owner(b)}
    seen: set[str] = set()
    for circuit in survey.plan.circuits:
        for phase in circuit.phases:
            meter = survey.owner(phase.current.signal)
            if phase.power is None or circuit.check is not None or meter in compared | seen:
                continue
            seen.add(meter)
            what = f"the sign of {survey.plan.signals[phase.power.signal].id} decides what may be drawn"
            yield Spot(survey.of_rule(circuit.id, "meter"), f"{what}, and nothing is compared with it")
