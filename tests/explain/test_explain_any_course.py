"""Over random courses of every shipped site: explain never raises, names who the envelope names, and who is next."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from explain_scenes import Place, course
from kernel_house import PLAN, trace

from supervisor.explain.edges import RATING
from supervisor.explain.find import explain, names
from supervisor.explain.show import WIDTH, text
from supervisor.kernel.cycle import step
from supervisor.kernel.image import absorb, blank
from supervisor.kernel.mains import Circuit
from supervisor.kernel.plan import Plan
from supervisor.kernel.span import Span
from supervisor.kernel.state import Proven, State
from supervisor.replay.moment import Moment

SITES = ("uc001", "wallbox_phases", "rebundling", "island", "mains")
replace = msgspec.structs.replace


@pytest.mark.parametrize("site", SITES)
def test_everything_can_be_asked_about_at_any_moment_and_fits_the_page(site: str) -> None:
    asked = 0
    for seed in range(2):
        for second, place in enumerate(course(site, seed, 30_000)):
            if second % 7 == 2:
                moment = place.moment()
                for subject in names(moment):
                    printed = text(explain(moment, subject))
                    assert max(map(len, printed.splitlines())) <= WIDTH, printed
                    asked += 1
    assert asked > 50


@pytest.mark.parametrize("site", SITES)
def test_each_edge_names_the_rule_that_the_envelope_names_and_who_is_next_binds_when_it_is_taken_out(site: str) -> None:
    chained = 0
    for seed in range(3):
        for second, place in enumerate(course(site, 100 + seed, 30_000)):
            if second % 5 == 4:
                chained += _checked(place.moment())
    assert chained > (2 if site == "island" else 10)  # an island has few limits


def test_the_same_on_the_traces_of_the_kernels_own_house() -> None:
    """The kernel's own random courses are nastier: late, doubtful and absurd samples, a wallbox that others set."""
    assert sum(_checked(moment) for seed in (1, 2) for moment in _traced(seed)) > 50


def _traced(seed: int) -> Iterator[Moment]:
    inputs, results = trace(PLAN, seed, 90_000)
    loaded, image = Place("uc001").loaded, blank(PLAN.signals)
    for number, (given, result) in enumerate(zip(inputs, results, strict=True)):
        image = absorb(PLAN.signals, image, given.samples, given.now_ms)
        if number % 60 == 0:
            yield Moment(loaded, result.state, image, result.outputs, given.now_ms, "2026-11-20T16:05:00", (), True)


def _checked(moment: Moment) -> int:
    """Compare each line with the envelopes; how many rules beyond the first were found."""
    further = 0
    plan = moment.loaded.plan
    for position, target in enumerate(plan.targets):
        said, span = explain(moment, target.id), moment.outputs.envelopes[position]
        lower, upper = said.edges
        assert (lower.line[0].rule, lower.line[0].value) == (span.lo_by, span.lo)
        assert (upper.line[0].rule, upper.line[0].value) == (span.hi_by, span.hi)
        for edge, side in ((lower, "lo"), (upper, "hi")):
            gone: set[str] = set()
            for before, link in zip(edge.line, edge.line[1:], strict=False):
                gone.add(before.rule)
                alone = without(moment, position, gone)
                assert (link.rule, link.value) == (getattr(alone, f"{side}_by"), getattr(alone, side)), (
                    target.id,
                    gone,
                )
                further += link.rule != RATING
            assert edge.line[-1].rule == RATING
    return further


def without(moment: Moment, position: int, gone: set[str]) -> Span:
    """The envelope when these rows are not in the plan at all: by removing them, where the product idles them."""
    plan, state = _removed(moment.loaded.plan, moment.state, gone)
    for _ in range(8):
        result = step(plan, state, moment.image, (), moment.now_ms)
        if result.state.house.state == state.house.state:
            break
        state = replace(state, house=result.state.house)
    return result.outputs.envelopes[position]


def _removed(plan: Plan, state: State, gone: set[str]) -> tuple[Plan, State]:
    rules = [i for i, rule in enumerate(plan.rules) if rule.id not in gone]
    moving = tuple(
        replace(c, drains=(), places=tuple(replace(place, allows=()) for place in c.places)) if c.id in gone else c
        for c in plan.changeovers
    )
    grid = plan.grid
    if grid is not None and "grid.dimming" in gone:
        grid = replace(grid, dimming=None)
    circuits, proven = _cooled(plan, state, gone)
    return (
        replace(
            plan,
            rules=tuple(plan.rules[i] for i in rules),
            circuits=circuits,
            grid=grid,
            mode_rules=tuple(rule for rule in plan.mode_rules if rule.id not in gone),
            changeovers=moving,
        ),
        replace(state, trips=tuple(state.trips[i] for i in rules), proven=proven),
    )


def _cooled(plan: Plan, state: State, gone: set[str]) -> tuple[tuple[Circuit, ...], Proven]:
    """Circuits without those that are gone; a hot fuse goes on binding when only its circuit is."""
    circuits, rooms, watched = [], [], []
    for circuit, room, seen in zip(plan.circuits, state.proven.rooms, state.proven.circuits, strict=True):
        cold = circuit.curve is None or circuit.curve.id in gone
        if circuit.id in gone and cold:
            continue
        if cold:
            circuit, seen = replace(circuit, curve=None), replace(seen, heats=())
        if circuit.id in gone:
            circuit, room = replace(circuit, fuse=10**9, blind=10**9), (None,) * len(room)
        circuits.append(circuit)
        rooms.append(room)
        watched.append(seen)
    return tuple(circuits), replace(state.proven, rooms=tuple(rooms), circuits=tuple(watched))
