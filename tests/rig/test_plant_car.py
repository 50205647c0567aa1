"""Cars on a pilot: polite ones within the times of IEC 61851, ill-mannered ones as they are in the field."""

from __future__ import annotations

from itertools import pairwise

import pytest

from hil.sim.car import Car, Manners
from hil.sim.goe_modbus import FORCE_STATE, PHASE_MODE, GoeCharger, Options


class Bench:
    """A charger with a car, and the time in our hand."""

    def __init__(self, step_ms: int = 100, **options: object) -> None:
        self.box, self.now_ms, self.step_ms = GoeCharger("wallbox", Options(**options), 0), 0, step_ms  # type: ignore[arg-type]

    def run(self, seconds: float) -> list[float]:
        """The current on L1 after each step."""
        course = []
        for _ in range(round(1000 * seconds / self.step_ms)):
            self.now_ms += self.step_ms
            self.box.advance(self.now_ms)
            course.append(self.box.currents()[0])
        return course

    def fault(self, name: str, **params: object) -> None:
        reply = self.box.control({"fault": name, **params}, self.now_ms)
        assert reply["ok"], reply

    def force(self, value: int) -> None:
        self.box.write(FORCE_STATE, [value], self.now_ms)

    def pilot(self) -> str:
        return str(self.box.state(self.now_ms)["pilot"])

    def stop_for(self, seconds: float) -> None:
        self.force(1)
        self.run(seconds)
        self.force(2)


def test_a_car_follows_an_offer_that_rises_step_by_step_while_it_still_rises() -> None:
    """IEC 61851-1: within 5 s of each change; a supervisor's ramp changes the pilot more often than that."""
    car, offers = Car(), [6.0 + at // 500 for at in range(0, 5_000, 50)]
    drawn = [car.step(offer, 50 * at) for at, offer in enumerate(offers)]
    assert max(abs(ampere - offers[at - 30]) for at, ampere in enumerate(drawn) if at > 60) <= 2.0, "a step behind"
    assert all(ampere <= offer for ampere, offer in zip(drawn, offers, strict=True)), "and never ahead"


@pytest.mark.parametrize("stride", [1, 3, 40])
def test_steps_in_between_change_nothing_while_the_offer_goes_up_and_down(stride: int) -> None:
    moments = {0: 6.0, 500: 9.0, 1_000: 16.0, 1_300: 10.0, 2_000: 0.0, 2_600: 8.0, 4_000: 12.0}
    fine, coarse, offer, courses = Car(), Car(), 0.0, ([], [])
    for now_ms in range(0, 8_001, 50):
        offer = moments.get(now_ms, offer)
        courses[0].append((now_ms, fine.step(offer, now_ms)))
        if now_ms in moments or now_ms % (50 * stride) == 0:
            courses[1].append((now_ms, coarse.step(offer, now_ms)))
    course = dict(courses[0])
    assert all(course[now_ms] == pytest.approx(ampere) for now_ms, ampere in courses[1])


def test_the_pilot_goes_through_its_states() -> None:
    bench = Bench(car="none")
    assert bench.pilot() == "A1"
    bench.box.control({"set": "car", "value": "plugged"}, 0)
    bench.box.advance(0)
    assert bench.pilot() == "B2"
    assert bench.box.contactor is False, "a contactor closes for a car that wants to charge, not for a plug"
    bench.run(5)
    assert (bench.pilot(), bench.box.contactor) == ("C2", True)
    bench.force(1)
    assert bench.pilot() == "C1"
    bench.run(4)
    assert (bench.pilot(), bench.box.contactor) == ("B1", False)
    full = Bench(car="full")
    full.run(5)
    assert (full.pilot(), full.box.contactor) == ("B2", False)


@pytest.mark.parametrize("step_ms", [100, 1000])
@pytest.mark.parametrize(("before", "after"), [(16, 6), (6, 16), (10, 11), (32, 6), (6, 32)])
def test_a_polite_car_follows_an_offer_within_five_seconds_and_never_takes_more(
    before: int, after: int, step_ms: int
) -> None:
    car = Car(ampere_max=32.0)
    for now_ms in range(0, 30_000, step_ms):
        assert car.step(before, now_ms) <= before
    course = [car.step(after, now_ms) for now_ms in range(30_000, 35_001, step_ms)]
    assert course[-1] == after
    assert course == sorted(course, reverse=after < before)


def test_a_polite_car_stops_within_three_seconds_from_any_current() -> None:
    car = Car(ampere_max=32.0)
    for now_ms in range(0, 30_000, 100):
        car.step(32, now_ms)
    assert [car.step(0, now_ms) for now_ms in range(30_000, 33_001, 100)][-1] == 0
    assert car.state == "B"
    assert [car.step(5.9, now_ms) for now_ms in range(33_100, 43_000, 100)][-1] == 0, "below 6 A there is no offer"


def test_a_car_that_slept_for_long_needs_longer_but_no_more_than_five_seconds() -> None:
    def first_ms(pause_ms: int) -> int:
        car = Car()
        times = (*range(0, 10_000, 100), *range(10_000, 20_000 + pause_ms, 1000))
        for now_ms in times:
            car.step(16.0 if now_ms < 10_000 else 0.0, now_ms)
        begin = times[-1] + 1000
        return next(ms for ms in range(0, 9000, 100) if car.step(16.0, begin + ms) > 0)

    assert first_ms(10_000) < first_ms(600_000) <= 5000


@pytest.mark.parametrize("phases", [1, 2, 3])
def test_a_car_uses_the_phases_that_it_has(phases: int) -> None:
    bench = Bench(car_phases=phases)
    bench.run(10)
    assert bench.box.currents() == [16.0 * (phase <= phases) for phase in (1, 2, 3)]


@pytest.mark.parametrize("step_ms", [10, 250, 1000])
def test_steps_in_between_change_nothing(step_ms: int) -> None:
    bench = Bench(step_ms)
    seen = []
    for order, seconds in ((2, 5), (1, 2), (2, 6), (1, 8)):
        bench.force(order)
        bench.run(seconds)
        seen.append((bench.box.currents()[0], bench.pilot()))
    assert seen == [(16.0, "C2"), (0.0, "B1"), (16.0, "C2"), (0.0, "B1")]


# -- ill manners --


def test_a_car_that_never_stops_follows_offers_and_is_cut_off_under_load() -> None:
    bench = Bench()
    bench.fault("car_never_stops")
    bench.run(10)
    bench.box.write(299, [8], bench.now_ms)
    assert bench.run(5)[-1] == 8
    bench.force(1)
    course = bench.run(4.9)
    assert (min(course), bench.pilot()) == (8, "C1")
    assert bench.run(0.3)[-1] == 0
    state = bench.box.state(bench.now_ms)
    assert (state["broken_under_load_count"], state["broken_a"]) == (1, 8)
    polite = Bench()
    polite.run(10)
    polite.stop_for(10)
    assert polite.box.state(polite.now_ms)["broken_under_load_count"] == 0


def test_a_car_that_stays_on_one_phase_does_so_until_it_is_replugged() -> None:
    bench = Bench()
    bench.fault("car_stays_on_one_phase")
    bench.box.write(PHASE_MODE, [1], 0)
    bench.run(20)
    assert bench.box.currents() == [16, 0, 0]
    bench.box.write(PHASE_MODE, [2], bench.now_ms)
    bench.run(30)
    assert bench.box.state(bench.now_ms)["phases_used"] == 3
    assert bench.box.currents() == [16, 0, 0]
    bench.box.control({"set": "replug", "value": 1}, bench.now_ms)
    bench.run(10)
    assert bench.box.currents() == [16, 16, 16]


def test_a_greedy_car_takes_a_tenth_more_and_a_rush_at_the_beginning() -> None:
    bench = Bench(ampere=10)
    bench.fault("car_takes_more", percent=10, rush_a=25, rush_ms=400)
    course = bench.run(10)
    assert max(course) == 25
    assert course.count(25) in (3, 4, 5)
    assert course[-1] == pytest.approx(11)
    assert max(course[20:]) == pytest.approx(11)


def test_a_modest_car_draws_five_and_a_half_of_six_amperes() -> None:
    bench = Bench(ampere=6)
    bench.fault("car_takes_less")
    assert bench.run(10)[-1] == 5.5


def test_a_sleeping_car_does_not_wake_up_until_it_is_replugged() -> None:
    bench = Bench()
    bench.fault("car_sleeps", after_s=60)
    bench.run(10)
    bench.stop_for(30)
    assert bench.run(10)[-1] == 16, "a short pause is not sleep"
    bench.stop_for(70)
    assert max(bench.run(600)) == 0
    assert bench.pilot() == "B2"
    bench.box.control({"set": "replug", "value": 1}, bench.now_ms)
    assert bench.run(10)[-1] == 16


def test_a_flapping_car_falls_from_c_to_b_and_back() -> None:
    bench = Bench()
    bench.fault("car_flaps", ms=6000)
    bench.run(5)
    pilots = []
    for _ in range(300):
        bench.run(0.1)
        pilots.append(bench.pilot())
    assert set(pilots) == {"B2", "C2"}
    assert sum(one != two for one, two in pairwise(pilots)) in (9, 10, 11)


def test_ill_manners_end_with_the_fault() -> None:
    car = Car()
    car.manners = Manners(more_percent=10.0)
    for now_ms in range(0, 10_000, 100):
        car.step(10.0, now_ms)
    assert car.ampere == pytest.approx(11)
    car.manners = Manners()
    for now_ms in range(10_000, 12_000, 100):
        car.step(10.0, now_ms)
    assert car.ampere == 10


def test_a_car_that_takes_less_than_it_is_offered_never_gives() -> None:
    car = Car(manners=Manners(less_a=8.0))
    course = [car.step(6.0, now_ms) for now_ms in range(0, 10_000, 100)]
    assert min(course) == max(course) == 0
