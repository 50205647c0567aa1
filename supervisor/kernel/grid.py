"""The grid operator: at most so much may leave the house, and controllable devices may be dimmed.

Theory of operation
* Export: what all named generators may produce together is the limit, plus what the house takes of it now. Each gets
  its share as a limit, so even if all of them go up to it at once, no more leaves than is allowed. While no more does
  leave, nobody is brought down: meters that are read one after the other disagree while something ramps.
* Without the meter the declared fallback holds, and more only when it has been seen long enough (sight.py).
* Dimming: the machine (machines/lpc.py) says whether a limit is in force. Each device gets it by itself, or all of
  them together. Together they may take more than the limit where the meter proves that the whole house draws no more
  than the limit from the grid: the rest is its own.
* Dimming never goes below its floor (4.2 kW), and it only narrows: a fuse or a trip that leaves less leaves less.

Amounts in mW at :data:`VOLTS` nominal, targets in mA or mW, times in ms. Must never widen anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from supervisor.kernel import sight
from supervisor.kernel.headroom import read
from supervisor.kernel.machine import advance, word
from supervisor.kernel.mains import Dimmed, Dimming, Export, Grid, GridState, Input
from supervisor.kernel.plan import Plan
from supervisor.kernel.question import NO, UNKNOWN, YES, Image
from supervisor.kernel.signal import Quality, Source
from supervisor.kernel.span import Span
from supervisor.kernel.state import TargetState

VOLTS = 230
"""As the operators count amperes: 4.2 kW / 230 V / phases (openWB, phase_switching_evse.md section 4)."""
LIMITED = ("init", "limited", "failsafe")
replace = msgspec.structs.replace


def watch(grid: Grid, was: GridState, image: Image, now_ms: int) -> GridState:
    """What is remembered after this cycle."""
    exports, dims, heard = was.export, was.dimming, was.input
    if (export := grid.export) is not None:
        exports = sight.look(exports, total(export.meter, image, now_ms) is not None, 0, export.trust_ms, now_ms)
    if (dimming := grid.dimming) is not None:
        known = total(dimming.meter, image, now_ms) is not None
        dims = sight.look(dims, known, 0, dimming.trust_ms, now_ms)
        heard = _heard(grid, dimming, heard, image, now_ms)
    return GridState(exports, dims, heard)


def total(sources: Sequence[Source], image: Image, now_ms: int) -> int | None:
    """The sum of a meter's parts; None when one of them is not known, or there is none."""
    values = [read(source, image, now_ms) for source in sources]
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None


# ---- is a limit in force? ----------------------------------------------------------------------------------------
def _heard(grid: Grid, dimming: Dimming, was: Input, image: Image, now_ms: int) -> Input:
    at = _beaten(dimming, was, image)
    alive = at.beat_ms is not None and now_ms - at.beat_ms < dimming.timeout_ms
    facts = {
        "spent": dimming.failsafe_ms is not None and now_ms - at.machine.since_ms >= dimming.failsafe_ms,
        "alive": alive,
    }
    if dimming.contact is not None:
        answer = dimming.contact.ask(image, now_ms)
        facts |= {"alive": answer is not UNKNOWN, "limiting": answer is YES, "freeing": answer is NO, "renewed": True}
    elif dimming.value is not None and alive and at.back_ms is not None:
        value, said_ms = read(dimming.value, image, now_ms), image[dimming.value.signal].at_ms
        if value is not None and said_ms >= at.back_ms:
            free = dimming.active is not None and dimming.active.ask(image, now_ms) is NO
            facts |= {"limiting": not free, "freeing": free, "renewed": said_ms - at.back_ms <= dimming.renew_ms}
            at = at if value == at.limit else replace(at, limit=value)
    machine, event = advance(grid.lpc, at.machine, word(grid.lpc, facts), now_ms)
    return at if event is None else replace(at, machine=machine)


def _beaten(dimming: Dimming, was: Input, image: Image) -> Input:
    """With a beat that has come. A counter that stands still beats no more, however often it is read."""
    if dimming.beat is None:
        return was
    reading = image[dimming.beat.signal]
    if reading.quality is not Quality.GOOD or reading.value is None:
        return was
    if dimming.counted:
        if was.counter is None:
            return replace(was, counter=reading.value)
        beats = reading.value != was.counter
    else:
        beats = reading.value == 1 and reading.at_ms != was.beat_ms
    if not beats:
        return was
    lost = was.beat_ms is None or reading.at_ms - was.beat_ms >= dimming.timeout_ms
    return replace(was, beat_ms=reading.at_ms, back_ms=reading.at_ms if lost else was.back_ms, counter=reading.value)


def budget(grid: Grid, dimming: Dimming, heard: Input) -> int | None:
    """The limit that is in force (mW); None for no limit."""
    name = grid.lpc.states[heard.machine.state]
    if name not in LIMITED:
        return None
    by_value = dimming.contact is None
    if name == "limited":
        value = heard.limit if by_value and heard.limit is not None else dimming.limit
    else:
        value = dimming.failsafe if heard.limit is None else min(dimming.failsafe, heard.limit)
    return max(value, dimming.floor)


# ---- what is left --------------------------------------------------------------------------------------------------
def narrow(
    plan: Plan, spans: list[Span], state: GridState | None, image: Image, states: Sequence[TargetState], now_ms: int
) -> None:
    """Every target's span within what the grid operator leaves."""
    if plan.grid is None or state is None:
        return
    if (export := plan.grid.export) is not None:
        for target, most in _allowances(plan, export, state, image, states, now_ms).items():
            spans[target] = spans[target].narrow(None, most, export.id)
    if (dimming := plan.grid.dimming) is not None:
        for device in dimming.devices:
            spans[device.target] = dimmed(plan, device.target, spans[device.target], state, image, states, now_ms)


def _allowances(
    plan: Plan, export: Export, state: GridState, image: Image, states: Sequence[TargetState], now_ms: int
) -> dict[int, int]:
    """What each generator may produce, by target."""
    flow = total(export.meter, image, now_ms)
    made = [read(part.produced, image, now_ms) if part.produced is not None else None for part in export.targets]
    known = None if flow is None else export.limit - export.margin + flow + sum(value or 0 for value in made)
    left = export.blind if known is None else known if state.export.trusted else min(known, export.blind)
    told = {part.target: states[part.target].output or 0 for part in export.targets}
    shares = _shared(plan, export, max(left, 0))
    if flow is None or -flow > export.limit or not state.export.trusted:
        return shares
    excess = sum(max(shares[target], told[target]) for target in told) - left
    for target in reversed(told):  # nobody is brought down, so there is less for those who would go up
        kept = max(shares[target], told[target])
        shares[target] = max(kept - max(excess, 0), told[target])
        excess -= kept - shares[target]
    return shares


def _shared(plan: Plan, export: Export, left: int) -> dict[int, int]:
    """``left`` among the generators."""
    ratings = [plan.targets[part.target].hi for part in export.targets]
    if export.proportional:
        shares = [min(left * rating // sum(ratings), rating) for rating in ratings]
        return {part.target: share for part, share in zip(export.targets, shares, strict=True)}
    found = {}
    for part, rating in zip(export.targets, ratings, strict=True):
        found[part.target] = min(left, rating)
        left -= found[part.target]
    return found


def dimmed(
    plan: Plan,
    position: int,
    span: Span,
    state: GridState | None,
    image: Image,
    states: Sequence[TargetState],
    now_ms: int,
) -> Span:
    """``span`` within what the dimming leaves of one target, those included that were told more in this same cycle."""
    dimming = plan.grid.dimming if plan.grid is not None else None
    if plan.grid is None or dimming is None or state is None:
        return span
    limit = budget(plan.grid, dimming, state.input)
    device = next((device for device in dimming.devices if device.target == position), None)
    if limit is None or device is None:
        return span
    most = _together(dimming, device, limit, state, image, states, now_ms) if dimming.together else limit
    most = max(most, 0)
    return span.narrow(None, most // (VOLTS * device.phases) if device.phases else most, dimming.id)


def _together(
    dimming: Dimming,
    device: Dimmed,
    limit: int,
    state: GridState,
    image: Image,
    states: Sequence[TargetState],
    now_ms: int,
) -> int:
    """What the others leave of the limit: by their sum, or where that is more by what the whole house imports."""
    promised, drawn = [], []
    for other in dimming.devices:
        promised.append((states[other.target].output or 0) * (VOLTS * other.phases or 1))
        drawn.append((read(other.drawn, image, now_ms) or 0) if other.drawn is not None else 0)
    place = dimming.devices.index(device)
    others = [at for at in range(len(promised)) if at != place]
    by_sum = limit - sum(max(promised[at], drawn[at]) for at in others)
    flow = total(dimming.meter, image, now_ms)
    if flow is None or not state.dimming.trusted:
        return by_sum
    return max(by_sum, limit - flow + drawn[place] - sum(max(promised[at] - drawn[at], 0) for at in others))


def wake(grid: Grid, state: GridState) -> Iterator[int]:
    """When something of it changes by time alone."""
    if grid.export is not None:
        yield from sight.wake(state.export, 0, grid.export.trust_ms)
    if (dimming := grid.dimming) is not None:
        yield from sight.wake(state.dimming, 0, dimming.trust_ms)
        if dimming.failsafe_ms is not None:
            yield state.input.machine.since_ms + dimming.failsafe_ms
        if state.input.beat_ms is not None:
            yield state.input.beat_ms + dimming.timeout_ms
