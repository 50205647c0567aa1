"""What the guardian counts for metrics, and that it counts right."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from supervisor import wire
from supervisor.guardian import tell
from supervisor.guardian.happened import Happened, machines
from supervisor.guardian.journal import Journal
from supervisor.guardian.lateness import EDGES_MS, Lateness
from supervisor.guardian.tally import Tally
from supervisor.guardian.watchdog import MINUTE_NS, WORKER_MAX_NS, Watchdog
from supervisor.kernel.cycle import step
from supervisor.kernel.event import Event, EventKind
from supervisor.kernel.image import blank
from supervisor.kernel.keep import guarded
from supervisor.kernel.lease import Clause, Decision, Kind, Lease, Verdict
from supervisor.kernel.machine import Machine
from supervisor.kernel.state import State, boot
from supervisor.loader.load import Loaded, load

HOUSES = ("uc001", "wallbox_phases", "rebundling", "island")
NAME_MAX = 80  # of the wire


@pytest.fixture(scope="module")
def loaded() -> Loaded:
    return load(Path("policies/uc001"))


def moved(state: State, device: int, to: int, at_ms: int) -> State:
    devices = list(state.devices)
    devices[device] = Machine(to, at_ms)
    return replace(state, devices=tuple(devices), now_ms=at_ms)


def event(kind: EventKind, subject: str = "x") -> Event:
    return Event(0, kind, subject, "")


# ---- lateness ------------------------------------------------------------------------------------------------------
def test_a_lateness_is_never_told_better_than_it_was() -> None:
    """The clock has whole milliseconds: what it calls 1 ms may have been 1.9, which is no more than 2."""
    lateness = Lateness()
    for whole_ms in (0, 1, 4, 5, 49, 50, 1_000):
        lateness.add(whole_ms)
    told = lateness.counters()
    by_edge = {edge: told[f"lateness_le:{edge}"] for edge in (*EDGES_MS, "inf")}
    assert by_edge == {1: 1, 2: 2, 5: 3, 10: 4, 25: 4, 50: 5, 100: 6, 250: 6, "inf": 7}
    assert told["lateness_sum_ms"] == 1 + 2 + 5 + 6 + 50 + 51 + 1_001


# ---- what happened -------------------------------------------------------------------------------------------------
def test_a_rule_that_goes_on_acting_began_once(loaded: Loaded) -> None:
    state = boot(loaded.plan, 0)
    happened = Happened(loaded.plan, state)
    rule = loaded.plan.rules[0].id
    for kind in (EventKind.TRIP, EventKind.TRIP, EventKind.CLEARED, EventKind.TRIP):
        happened.after(state, [event(kind, rule)])
    told = happened.counters(state)
    assert told[f"trips:{rule}"] == 2
    assert (told["events:trip"], told["events:cleared"], told["events:hunting"]) == (3, 1, 0)


def test_stays_and_the_present_stay_add_up_to_the_time_that_passed(loaded: Loaded) -> None:
    state = boot(loaded.plan, 1_000)
    happened = Happened(loaded.plan, state)
    first = state.devices[0].state
    state = moved(state, 0, first + 1, 4_000)
    happened.after(state, [event(EventKind.MACHINE)])
    state = moved(state, 0, first, 4_500)
    happened.after(state, [event(EventKind.MACHINE)])
    state = replace(state, now_ms=10_000)
    told = happened.counters(state)
    assert (told[f"stay_ms:0:{first}"], told[f"stay_ms:0:{first + 1}"]) == (3_000, 500)
    present_ms = state.now_ms - state.devices[0].since_ms
    assert sum(ms for name, ms in told.items() if name.startswith("stay_ms:0:")) + present_ms == 9_000


def test_a_move_that_no_event_told_is_found_when_somebody_looks(loaded: Loaded) -> None:
    state = boot(loaded.plan, 0)
    happened = Happened(loaded.plan, state)
    assert happened.counters(moved(state, 0, 1, 700))[f"stay_ms:0:{state.devices[0].state}"] == 700


def test_the_time_in_a_mode_of_the_house_is_counted_when_it_ends(loaded: Loaded) -> None:
    state = boot(loaded.plan, 0)
    happened = Happened(loaded.plan, state)
    after = replace(state, house=Machine(2, 5_000), now_ms=5_000)
    happened.after(after, [event(EventKind.HOUSE)])
    assert happened.counters(after)["mode_ms:starting"] == 5_000


def test_the_age_of_a_lease_is_the_time_since_it_was_granted(loaded: Loaded) -> None:
    state = boot(loaded.plan, 0)
    place = [target.id for target in loaded.plan.targets].index("wallbox.current")
    held = replace(state.targets[place], lease=Lease(0, Kind.LIVE, 1, 1, 2_000, 9_000, ""))
    targets = tuple(held if i == place else target for i, target in enumerate(state.targets))
    told = Happened(loaded.plan, state).counters(replace(state, targets=targets, now_ms=3_500))
    assert {name: ms for name, ms in told.items() if "lease" in name and "events" not in name} == {
        f"lease_age_ms:{place}": 1_500
    }


@pytest.mark.parametrize("house", HOUSES)
def test_machines_are_counted_in_the_order_in_which_they_are_described(house: str) -> None:
    """Their numbers are all that ties a stay to its machine."""
    loaded = load(Path("policies") / house)
    plan = guarded(loaded.plan)
    image = blank(plan.signals)
    result = step(plan, boot(plan, 0), image, (), 1_000)
    switches = [replace(at, machine=Machine(0, 10 + i)) for i, at in enumerate(result.state.switches)]
    people = [replace(at, machine=Machine(0, 100 + i)) for i, at in enumerate(result.state.orchestrators)]
    state = replace(result.state, switches=tuple(switches), orchestrators=tuple(people))
    shown = tell.snapshot(plan, state, image, result.outputs, (), (), 0, {}).machines
    assert len(shown) == len(tell.describe(loaded).machines)
    assert [(at.state, 1_000 - at.since_ms) for at in machines(plan, state)] == [(at.state, at.for_ms) for at in shown]


# ---- decisions -----------------------------------------------------------------------------------------------------
def test_clips_are_counted_by_the_rule_that_clipped_and_strangers_as_other(loaded: Loaded) -> None:
    tally = Tally(loaded.plan)
    for rule in ("limits.voltage", "limits.voltage", "rating", "what somebody made up"):
        clauses = (Clause("permissions.charge_the_car", "permits", ""), Clause(rule, "clips", ""))
        tally.decided(Decision(1, Verdict.CLIPPED, 0, 1, clauses, None))
    told = tally.counters()
    clips = {name: n for name, n in told.items() if name.startswith("clipped:")}
    assert clips == {"clipped:limits.voltage": 2, "clipped:rating": 1, "clipped:other": 1}
    assert told["decisions_clipped"] == 4


def test_every_counter_has_a_name_that_the_wire_can_carry(loaded: Loaded) -> None:
    state = boot(loaded.plan, 0)
    names = [*Lateness().counters(), *Tally(loaded.plan).counters(), *Happened(loaded.plan, state).counters(state)]
    longest = max(len(rule.id) for rule in loaded.plan.rules)
    assert max(map(len, names)) <= NAME_MAX - longest
    assert wire.TEXT_MAX > NAME_MAX


# ---- the box -------------------------------------------------------------------------------------------------------
def test_the_slack_is_that_of_the_slowest_worker() -> None:
    now = time.monotonic_ns()
    watchdog = Watchdog({"journal": lambda: now - 1_000_000_000, "state": lambda: now - 4_000_000_000})
    watchdog.cycle(timely=True)
    assert 900 < watchdog.slack_ms <= 1_000


def test_the_smallest_slack_is_remembered_for_a_minute_and_then_forgotten() -> None:
    ages = [WORKER_MAX_NS - 1_000_000, 0]
    watchdog = Watchdog({"journal": lambda: now - ages[0]})
    now = MINUTE_NS
    watchdog._look(now)
    ages[0] = 0
    now += MINUTE_NS // 2
    watchdog._look(now)
    assert watchdog.slack_ms == 1
    told = []
    for _ in range(2):
        now += MINUTE_NS
        watchdog._look(now)
        told.append(watchdog.slack_ms)
    assert told == [1, WORKER_MAX_NS // 1_000_000]


def test_a_worker_that_hangs_has_no_slack_left_and_withholds_the_feed() -> None:
    now = time.monotonic_ns()
    watchdog = Watchdog({"journal": lambda: now - WORKER_MAX_NS - 1_000_000})
    watchdog.cycle(timely=True)
    assert watchdog.slack_ms < 0
    assert watchdog.withheld == 1


def test_a_journal_that_the_disk_refuses_says_so(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "not made")
    assert journal.counters()["journal_failing"] == 0
    journal._writer.failing = True
    told = journal.counters()
    assert (told["journal_failing"], told["journal_bytes"]) == (1, 0)
    assert told["journal_budget_bytes"] > 1_000_000
