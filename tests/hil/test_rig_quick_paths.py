"""Where the rig has a short way for the usual case, it ends where the long way does.

A fault that changes nothing (a contact that is as slow as all the others) is what takes a device off its short ways.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.bench.facts import facts_of
from hil.lines import Request
from hil.plant_contacts import carried
from hil.plant_grid import LINE_OHM, Connection
from hil.plant_meters import measured
from hil.plant_wiring import Path
from hil.sim.device import ControlError, Faults, Json, number
from hil.sim.panel_gpio import Options, Panel
from hil.sim.relaynode_can import RelayNode
from tests.hil.relay_bench import Bench

NOTHING = {"fault": "slow", "contact": 1, "ms": 30, "when": "closing"}  # 30 ms are what every contact needs
BROKEN = (
    {"fault": "welded", "contact": 1},
    {"fault": "dead_coil", "contact": 2},
    {"fault": "foreign", "contact": 2},
    {"fault": "chattering", "contact": 1, "ms": 60},
    {"fault": "sagging", "volt": 12.0, "coils": 1, "ms": 40},
    {"fault": "coil_supply", "volt": 12.0},
    {"clear": True},
)
BREAK = st.sampled_from(BROKEN)
COMMAND = st.tuples(st.integers(0, 3), st.booleans(), st.booleans())
WAIT = st.integers(1, 1_500)
WATT = st.floats(-9_000, 9_000)
VOLT = st.sampled_from((0.0, 120.0, 229.5, 230.0, 265.0))
THREE_W, THREE_V = st.lists(WATT, min_size=3, max_size=3), st.lists(VOLT, min_size=3, max_size=3)


def happened(trace: list[Json]) -> list[Json]:
    return [note for note in trace if note["what"] not in ("fault", "clear")]


def disturb(device: RelayNode | Panel, request: Json, now_ms: int, never_short: bool) -> None:
    assert device.control(request, now_ms)["ok"]
    if never_short:
        assert device.control(NOTHING, now_ms)["ok"]


@settings(deadline=None)
@given(st.lists(st.one_of(COMMAND, WAIT, BREAK), max_size=14))
def test_a_relay_node_does_and_says_the_same_on_its_short_ways(course: list[object]) -> None:
    quick, plain = Bench(contacts=4), Bench(contacts=4)
    disturb(plain.node, NOTHING, 0, never_short=True)
    for doing in course:
        for bench in (quick, plain):
            match doing:
                case (int(coils), bool(pulsing), bool(counting)):
                    bench.command(coils, pulsing=pulsing, counting=counting)
                case int(wait_ms):
                    bench.until(bench.now_ms + wait_ms)
                case dict():
                    disturb(bench.node, doing, bench.now_ms, never_short=bench is plain)
        assert quick.state() == plain.state()
        assert quick.node.next_ms() <= plain.node.next_ms()
    quick.until(quick.now_ms + 3_000)
    plain.until(plain.now_ms + 3_000)
    assert quick.statuses == plain.statuses
    assert happened(quick.trace) == happened(plain.trace)


def _panel(trace: list[Json]) -> Panel:
    inputs = "estop=5 stop nc, key=6 key, proof_1=20 contact nc, proof_2=21 contact nc"
    outputs = "lamp=22 lamp active_low, permit=17 pulse, k1=23 coil active_low proof=proof_1, k2=24 coil proof=proof_2"
    panel = Panel("panel", Options(inputs=inputs, outputs=outputs, keeps_level=False), 0)
    panel.trace = trace.append
    return panel


LINE = st.sampled_from((2, 5, 6, 17, 20, 22, 23, 24, 30))
ON_LINE = st.builds(Request, st.sampled_from(("input", "output", "write")), LINE, st.sampled_from((0, 1)))
PRESS = st.builds(
    lambda name, value: {"set": name, "value": value}, st.sampled_from(("estop", "key")), st.integers(0, 1)
)
PANEL_BREAK = st.sampled_from(
    (
        {"fault": "stuck", "input": "key"},
        {"fault": "broken_wire", "input": "estop"},
        {"fault": "stuck_output", "output": "lamp", "level": 1},
        {"fault": "welded_output", "output": "k1"},
        {"fault": "permit_welded"},
        {"set": "power_cycle", "value": 1},
        *BROKEN[:3],
        {"clear": True},
    )
)


@settings(deadline=None)
@given(st.lists(st.one_of(ON_LINE, WAIT, PRESS, PANEL_BREAK, st.lists(LINE, max_size=2)), max_size=14))
def test_a_panel_does_and_shows_the_same_on_its_short_ways(course: list[object]) -> None:
    traces: tuple[list[Json], list[Json]] = ([], [])
    panels = _panel(traces[0]), _panel(traces[1])
    disturb(panels[1], NOTHING, 0, never_short=True)
    now_ms = 0
    for doing in course:
        end_ms = now_ms + doing if isinstance(doing, int) else now_ms
        for panel in panels:
            match doing:
                case Request():
                    panel.on_line(doing, now_ms)
                case int():
                    while (at_ms := panel.next_ms()) <= end_ms:
                        panel.poll(at_ms)
                    panel.poll(end_ms)
                case dict():
                    disturb(panel, doing, now_ms, never_short=panel is panels[1])
                case list():
                    panel.on_owner_gone(doing, now_ms)
        now_ms = end_ms
        assert [panels[0].level(line, now_ms) for line in range(54)] == [
            panels[1].level(line, now_ms) for line in range(54)
        ]
        assert panels[0].state(now_ms) == panels[1].state(now_ms)
    assert happened(traces[0]) == happened(traces[1])


# ---- sums of the plant -----------------------------------------------------------------------------------------------
PATH = st.builds(Path, st.lists(st.integers(1, 5), max_size=3).map(tuple), st.floats(0, 60), st.booleans())


@given(st.lists(PATH, max_size=8), st.frozensets(st.integers(1, 5)))
def test_a_contact_carries_the_most_of_all_ways_that_conduct(paths: list[Path], closed: frozenset[int]) -> None:
    wanted = [0.0] * 5
    for path in paths:
        used = sorted(closed & set(path.contacts))
        if used if path.any_one else set(path.contacts) <= closed:
            for contact in used:
                wanted[contact - 1] = max(wanted[contact - 1], path.ampere / (len(used) if path.any_one else 1))
    assert carried(paths, closed, 5) == wanted


@given(st.lists(st.tuples(THREE_V, THREE_W), max_size=6))
def test_the_voltages_behind_a_line_depend_on_nothing_that_was_before(
    asked: list[tuple[list[float], list[float]]],
) -> None:
    connection = Connection(0.0, Faults(()))
    for volts, watts in asked:
        connection.volts = list(volts)
        connection.look()
        for _ in range(2):
            found = connection.voltages(list(watts))
            wanted = [max(0.0, v - LINE_OHM * w / v) if v else 0.0 for v, w in zip(volts, watts, strict=True)]
            assert found == wanted
        assert connection.alive == [volt > 0 for volt in volts]


@given(THREE_V, THREE_W)
def test_a_meter_that_is_connected_well_shows_what_there_is(volts: list[float], watts: list[float]) -> None:
    other = RelayNode.fault_kinds[0]
    elsewhere = Faults((other,))
    elsewhere.add(other.name, {})
    assert measured("meter", volts, watts, Faults(())) == measured("meter", volts, watts, elsewhere)


@given(st.one_of(st.floats(), st.integers(-10, 10), st.booleans(), st.text(max_size=4), st.none()))
def test_a_number_is_within_its_bounds_or_refused(value: object) -> None:
    try:
        wanted = float(str(value))
    except ValueError:
        wanted = float("nan")
    if -5 <= wanted <= 5:
        found = number(value, "it", -5, 5)
        assert found == wanted
        assert type(found) is float
    else:
        with pytest.raises(ControlError):
            number(value, "it", -5, 5)


# ---- facts -----------------------------------------------------------------------------------------------------------
PLAIN = st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.floats(-1, 1), st.text(max_size=3))
KEYS = st.text("ab_", min_size=1, max_size=3)
STATE = st.dictionaries(KEYS, st.one_of(PLAIN, st.lists(PLAIN, max_size=2), st.dictionaries(KEYS, PLAIN, max_size=2)))


def flat(name: str, state: Mapping[str, object]) -> list[tuple[str, object]]:
    """The definition: a mapping inside is NAME_INNER, a number is a float, and what is None is left out."""
    found: list[tuple[str, object]] = []
    for key, value in state.items():
        if isinstance(value, dict):
            found += flat(name, {f"{key}_{inner}": within for inner, within in value.items()})
        elif value is not None:
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            found.append((f"{name}.{key}", float(str(value)) if is_number else value))
    return found


@given(STATE)
def test_facts_are_the_state_flat_and_named(state: dict[str, object]) -> None:
    assert [(name, repr(value)) for name, value in facts_of("it", state).items()] == [
        (name, repr(value)) for name, value in dict(flat("it", state)).items()
    ]


@given(st.lists(st.one_of(ON_LINE, st.lists(LINE, max_size=2)), max_size=10))
def test_every_change_of_a_level_is_in_the_trace_also_on_lines_without_a_wire(
    course: list[Request | list[int]],
) -> None:
    trace: list[Json] = []
    panel = _panel(trace)
    shown = {line: panel.level(line, 0) for line in range(54)}
    for doing in course:
        trace.clear()
        if isinstance(doing, Request):
            panel.on_line(doing, 0)
        else:
            panel.on_owner_gone(doing, 0)
        before, shown = shown, {line: panel.level(line, 0) for line in range(54)}
        noted = {note["line"]: note["level"] for note in trace if note["what"] == "level"}
        assert noted == {line: level for line, level in shown.items() if level != before[line]}
