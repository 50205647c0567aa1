"""The contactors of the relay node in virtual time: every way to be broken, as it is seen on the wire."""

from __future__ import annotations

import pytest

from hil.can_frame import Frame
from tests.hil.relay_bench import DATABASE, Bench


@pytest.fixture
def bench() -> Bench:
    made = Bench(contacts=4, drop_out_ms=1000)
    made.until(0)
    return made


def transitions(bench: Bench, contact: int, since_ms: int) -> list[tuple[int, object]]:
    """When the mirror on the wire began to say what, from `since_ms` on."""
    found: list[tuple[int, object]] = []
    for at, frame in bench.statuses:
        said = DATABASE.decode_message("RELAY_STATUS", frame.data, decode_choices=False)[f"Contact{contact}"]
        if at >= since_ms and (not found or found[-1][1] != said):
            found.append((at, said))
    return found


def break_it(bench: Bench, fault: str, **params: object) -> None:
    reply = bench.node.control({"fault": fault, **params}, bench.now_ms)
    assert reply["ok"], reply


def test_a_slow_contact_travels_for_as_long_as_it_was_told(bench: Bench) -> None:
    bench.command(0)
    break_it(bench, "slow", contact=1)
    bench.until(250)
    bench.command(0b11)
    bench.until(300)
    assert bench.closed() == [2]
    bench.commanded_until(5249, 0b11)
    assert bench.closed() == [2]
    bench.commanded_until(5250, 0b11)
    assert bench.closed() == [1, 2]


@pytest.mark.parametrize(
    ("when", "closes_ms", "opens_ms"), [("both", 700, 700), ("closing", 700, 20), ("opening", 30, 700)]
)
def test_a_contact_may_be_slow_in_one_direction_only(bench: Bench, when: str, closes_ms: int, opens_ms: int) -> None:
    break_it(bench, "slow", contact=1, ms=700, when=when)
    bench.command(0)
    bench.until(250)
    bench.commanded_until(2000, 0b1)
    bench.commanded_until(4000, 0)
    ends = [(line["t"], line["closed"]) for line in bench.trace if line["what"] == "contact"]
    assert ends == [(250 + closes_ms, True), (2000 + opens_ms, False)]


def test_a_bouncing_mirror_runs_through_all_it_can_say_and_then_rests(bench: Bench) -> None:
    break_it(bench, "bouncing", contact=2)
    bench.command(0)
    bench.until(250)
    bench.commanded_until(500, 0b10)
    assert transitions(bench, 2, 250) == [(250, 2), (280, 1), (282, 2), (284, 0), (286, 2), (288, 1)]
    assert bench.closed() == [2], "the main contact does not bounce"
    bench.commanded_until(750, 0)
    assert transitions(bench, 2, 500) == [(500, 1), (500, 2), (520, 0), (522, 2), (524, 1), (526, 2), (528, 0)]


def test_a_long_bounce_ends_where_the_contact_is(bench: Bench) -> None:
    break_it(bench, "bouncing", contact=1, ms=400, step=50)
    bench.command(0)
    bench.until(250)
    bench.commanded_until(900, 0b1)
    said = transitions(bench, 1, 280)
    assert [at for at, _ in said] == [280, 330, 380, 430, 480, 530, 580, 630, 680]
    assert [value for _, value in said] == [1, 2, 0, 2, 1, 2, 0, 2, 1]


def test_a_chattering_contact_falls_once_in_every_period_while_it_is_energised(bench: Bench) -> None:
    break_it(bench, "chattering", contact=1)
    bench.command(0)
    bench.until(250)
    bench.commanded_until(750, 0b11)
    ends = [(line["t"], line["closed"]) for line in bench.trace if line["what"] == "contact" and line["contact"] == 1]
    assert ends == [(280, True), (370, False), (480, True), (570, False), (680, True)]
    assert bench.last()["CoilEcho"] == 0b11, "the coil is driven all the time"
    assert 2 in bench.closed()
    bench.commanded_until(2000, 0)
    falls = [line["t"] for line in bench.trace if line["what"] == "contact" and not line["closed"]]
    assert falls[-2:] == [770, 770], "without a coil there is nothing to chatter"


def test_a_chattering_contact_that_is_welded_stays(bench: Bench) -> None:
    bench.commanded_until(500, 0b1)
    break_it(bench, "welded", contact=1)
    break_it(bench, "chattering", contact=1)
    bench.commanded_until(1500, 0b1)
    assert [line["closed"] for line in bench.trace if line["what"] == "contact"] == [True]


def test_an_open_contact_that_welds_stays_open_until_it_has_closed_once(bench: Bench) -> None:
    break_it(bench, "welded", contact=1)
    bench.until(500)
    assert bench.closed() == []
    bench.commanded_until(1000, 0b1)
    bench.commanded_until(2000, 0)
    assert bench.closed() == [1]


def test_a_broken_mirror_wire_says_not_available_and_the_contact_works_on(bench: Bench) -> None:
    break_it(bench, "wire_broken", contact=1)
    bench.commanded_until(1000, 0b11)
    assert (bench.last()["Contact1"], bench.last()["Contact2"], bench.closed()) == (3, 1, [1, 2])
    bench.node.control({"clear": "wire_broken"}, bench.now_ms)
    bench.until(1100)
    assert bench.last()["Contact1"] == 1


def test_a_stuck_mirror_says_for_ever_what_it_said(bench: Bench) -> None:
    bench.commanded_until(500, 0b1)
    break_it(bench, "mirror_stuck", contact=1)
    break_it(bench, "mirror_stuck", contact=2)
    bench.commanded_until(1000, 0b10)
    assert bench.closed() == [2]
    assert (bench.last()["Contact1"], bench.last()["Contact2"]) == (1, 0)
    assert bench.state()["mirrors"] == [1, 0, 0, 0]


def test_a_supply_that_collapses_under_two_coils_drops_and_pulls_them_for_ever(bench: Bench) -> None:
    break_it(bench, "sagging", volt=9, coils=2, ms=100)
    bench.command(0)
    bench.until(250)
    bench.commanded_until(500, 0b01)
    assert bench.closed() == [1], "one coil is no load"
    assert bench.state()["supply_v"] == 24
    bench.commanded_until(950, 0b11)
    ends = [(line["t"], line["closed"]) for line in bench.trace if line["what"] == "contact" and line["contact"] == 2]
    assert ends == [(530, True), (620, False), (730, True), (820, False), (930, True)]
    lows = [line["t"] for line in bench.trace if line["what"] == "drop"]
    assert lows[0] == 600
    bench.commanded_until(999, 0b11)
    assert (bench.closed(), bench.state()["drop_reason"]) == ([1, 2], "none")
    bench.until(1010)
    assert bench.state()["supply_v"] == 9
    assert (bench.last()["DropReason"], bench.last()["CoilSupply"], bench.last()["CoilEcho"]) == (4, 9, 0)
    bench.commanded_until(2000, 0b01)
    assert (bench.closed(), bench.last()["CoilSupply"]) == ([1], 24), "with one coil less it is well"


def test_a_dead_coil_loads_no_supply(bench: Bench) -> None:
    break_it(bench, "sagging")
    break_it(bench, "dead_coil", contact=2)
    bench.commanded_until(2000, 0b11)
    assert (bench.closed(), bench.state()["supply_v"]) == ([1], 24)


def test_a_repaired_supply_holds(bench: Bench) -> None:
    break_it(bench, "sagging")
    bench.commanded_until(2000, 0b11)
    bench.node.control({"clear": "sagging"}, bench.now_ms)
    assert bench.state()["supply_v"] == 24
    bench.commanded_until(4000, 0b11)
    assert len([line for line in bench.trace if line["what"] == "contact" and line["t"] > 2100]) == 0  # type: ignore[operator]
    assert bench.closed() == [1, 2]


@pytest.mark.parametrize(
    ("fault", "telling"),
    [
        ({"fault": "slow", "contact": 5}, "contact must be 1 to 4"),
        ({"fault": "slow", "when": "sometimes"}, "both, closing, opening"),
        ({"fault": "slow", "ms": 0}, "ms must be 1 or more"),
        ({"fault": "bouncing", "step": 0}, "step must be 1 or more"),
        ({"fault": "chattering", "ms": 1}, "ms must be 2 or more"),
        ({"fault": "sagging", "coils": 0}, "coils must be 1 or more"),
    ],
)
def test_a_fault_that_no_contactor_can_have_is_refused(bench: Bench, fault: dict[str, object], telling: str) -> None:
    break_it(bench, "slow", contact=2)
    assert telling in str(bench.node.control(fault, 0)["error"])
    assert bench.node.faults.active() == [{"fault": "slow", "contact": 2, "ms": 5000, "when": "both"}]


@pytest.mark.parametrize("fault", ["mirror_stuck", "wire_broken", "bouncing", "frozen", "silent"])
def test_the_plant_learns_where_the_contacts_truly_are(bench: Bench, fault: str) -> None:
    break_it(bench, fault, **({"contact": 1} if "contact" in bench.node.faults.kinds[fault].defaults else {}))
    bench.commanded_until(282, 0b1)
    assert bench.node.to_plant(282) == {"kind": "relays", "contacts": [True, False, False, False]}


def test_the_same_faults_make_the_same_course() -> None:
    def course() -> list[tuple[int, Frame]]:
        bench = Bench()
        for fault in ("bouncing", "chattering", "slow", "sagging"):
            break_it(bench, fault, **({"contact": 2, "ms": 90} if fault != "sagging" else {}))
        bench.commanded_until(5000, 0b111)
        return bench.statuses

    assert course() == course()
