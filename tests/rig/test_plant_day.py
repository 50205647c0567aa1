"""Sun, clouds and household load: right in size, the same for one seed, and whatever the steps are."""

from __future__ import annotations

import math
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.load_profile import Household
from hil.plant import Options, Plant
from hil.plant_chance import Chance
from hil.sun import Array, Sun, clear_sky
from hil.sun import Options as SunOptions

HOUR_MS = 3_600_000
LEVEL = (Array(tilt=0.0),)


def sun(seed: int = 1, **options: object) -> Sun:
    return Sun(msgspec.convert({"arrays": LEVEL, **options}, SunOptions), Chance(seed))


def highest(at: Sun) -> tuple[float, int]:
    return max((at.position(minute * 60_000)[0], minute) for minute in range(1440))


@pytest.mark.parametrize(
    ("latitude", "day", "elevation"),
    [  # 90 less the latitude, and 23.44 degrees up or down at the solstices
        (48.1, "06-21", 90 - 48.1 + 23.44),
        (48.1, "12-21", 90 - 48.1 - 23.44),
        (48.1, "03-20", 90 - 48.1),
        (-33.9, "12-21", 90 - 33.9 + 23.44),
        (0.0, "09-22", 90.0),
    ],
)
def test_the_sun_culminates_where_latitude_and_season_put_it(latitude: float, day: str, elevation: float) -> None:
    found, minute = highest(sun(latitude=latitude, longitude=15.0, wall=f"2026-{day}T00:00"))
    assert found == pytest.approx(elevation, abs=0.7)
    assert minute == pytest.approx(720, abs=18)  # on the meridian of its zone, less the equation of time


def test_the_sun_rises_in_the_east_and_stands_in_the_south_at_noon() -> None:
    at = sun(longitude=15.0, wall="2026-03-20T00:00")
    up = [minute for minute in range(1440) if at.position(minute * 60_000)[0] > 0]
    assert len(up) == pytest.approx(720, abs=6), "a day at the equinox has twelve hours"
    assert at.position(up[0] * 60_000)[1] == pytest.approx(90, abs=2)
    assert at.position(up[-1] * 60_000)[1] == pytest.approx(270, abs=2)
    assert at.position(727 * 60_000)[1] == pytest.approx(180, abs=2)


def test_an_offset_in_the_wall_time_counts() -> None:
    summer, zone = sun(wall="2026-06-21T13:00+02:00"), sun(wall="2026-06-21T12:00")
    assert summer.position(0) == pytest.approx(zone.position(0))


def test_a_clear_sky_is_that_of_haurwitz() -> None:
    assert clear_sky(90) == pytest.approx(1098 * math.exp(-0.059))
    assert clear_sky(30) == pytest.approx(549 * math.exp(-0.118))
    assert clear_sky(0) == 0
    at = sun(wall="2026-06-21T12:00")
    assert at.part_of_peak(0) == pytest.approx(clear_sky(at.position(0)[0]) / 1000)
    assert at.part_of_peak(11 * HOUR_MS) == 0.0, "there is no sun at eleven in the evening"


def test_a_roof_that_looks_east_has_its_best_hours_in_the_morning_and_two_halves_are_in_between() -> None:
    east, west = Array(azimuth=90.0, tilt=40.0), Array(azimuth=270.0, tilt=40.0)
    halves = (Array(share=0.5, azimuth=90.0, tilt=40.0), Array(share=0.5, azimuth=270.0, tilt=40.0))
    eight, four = (
        [sun(arrays=arrays, wall=f"2026-06-21T{hour}").part_of_peak(0) for arrays in ((east,), (west,), halves)]
        for hour in ("08:00", "16:00")
    )
    assert eight[0] > 2 * eight[1]
    assert four[1] > 2 * four[0]
    assert eight[2] == pytest.approx((eight[0] + eight[1]) / 2)
    winter = "2026-12-21T12:00"
    assert sun(arrays=(Array(),), wall=winter).part_of_peak(0) > 1.7 * sun(wall=winter).part_of_peak(0)


def test_broken_clouds_have_edges_within_seconds_and_both_sun_and_shade() -> None:
    at = sun(clouds="broken")
    course = [at.through(ms) for ms in range(0, HOUR_MS, 500)]
    assert 0.2 <= min(course) < 0.4
    assert max(course) == 1.0
    steepest = max(abs(one - two) for one, two in pairwise(course))
    assert 0.8 / 16 < steepest <= 0.8 / 3 + 1e-9, "an edge takes from 1.5 s to 8 s"
    assert max(sun(clouds="overcast").through(ms) for ms in range(0, HOUR_MS, 5000)) <= 0.25
    assert sun(clouds=0.4).through(12_345) == 0.4
    assert sun().through(12_345) == 1.0


@given(seed=st.integers(0, 99), times=st.lists(st.integers(0, 48 * HOUR_MS), min_size=1, max_size=8))
@settings(deadline=None, max_examples=40, derandomize=True)
def test_one_seed_is_one_course_in_whatever_order_and_steps_it_is_asked(seed: int, times: list[int]) -> None:
    fresh = [(sun(seed, clouds="broken").through(at), house(seed).watts(at)) for at in times]
    one_sun, one_house = sun(seed, clouds="broken"), house(seed)
    assert [(one_sun.through(at), one_house.watts(at)) for at in times] == fresh


def test_another_seed_is_another_course() -> None:
    assert [sun(seed, clouds="broken").through(777_000) for seed in range(9)].count(1.0) not in (0, 9)
    assert house(1).watts(8 * HOUR_MS) != house(2).watts(8 * HOUR_MS)


# -- load --


def house(seed: int = 1, wall: str = "2026-06-21T00:00") -> Household:
    return Household(wall, Chance(seed))


def day_kwh(seed: int) -> float:
    at = house(seed)
    return sum(sum(at.watts(second * 1000)) for second in range(0, 86_400, 20)) * 20 / 3.6e6


def test_a_household_takes_nine_to_fourteen_kwh_a_day_most_of_it_in_bursts() -> None:
    days = [day_kwh(seed) for seed in range(8)]
    assert 9 <= sum(days) / len(days) <= 14
    assert all(6 < day < 18 for day in days)
    course = [sum(house(3).watts(minute * 60_000)) for minute in range(1440)]
    assert max(course) > 2500
    assert 200 < sorted(course)[720] < 700, "half of the time only fridge, standby and light"


def test_evenings_are_higher_than_nights_and_every_phase_takes_something() -> None:
    night, evening = (
        [sum(sum(house(seed).watts(hour * HOUR_MS + minute * 60_000)) for minute in range(60)) for seed in range(6)]
        for hour in (3, 19)
    )
    assert all(late > 1.5 * early for late, early in zip(evening, night, strict=True))
    assert all(min(house(seed).watts(ms)) > 20 for seed in range(3) for ms in range(0, 24 * HOUR_MS, 600_000))


def test_the_fridge_runs_a_third_of_the_time() -> None:
    at = house()
    on = [at.watts(3 * HOUR_MS + second * 1000)[1] > 130 for second in range(0, 5400, 10)]
    assert sum(on) / len(on) == pytest.approx(1 / 3, abs=0.03)
    assert sum(one != two for one, two in pairwise(on)) in (3, 4)


# -- in the plant --


def test_the_sun_drives_the_roof_with_pv_w_as_its_peak() -> None:
    options = msgspec.convert({"pv_w": 8000, "sun": {"wall": "2026-06-21T05:00", "clouds": "clear"}}, Options)
    plant = Plant(options, 1, 0)
    seen = [plant.state(hour * HOUR_MS) for hour in range(19)]
    powers = [sum(state["pv_w"]) for state in seen]  # type: ignore[call-overload]
    assert powers == pytest.approx([state["sun_w"] for state in seen])
    assert powers[7] == max(powers)
    assert 7000 < powers[7] < 8600
    assert powers[-1] == 0 == min(powers)
    assert [state["sun_elevation_deg"] > 0 for state in seen].count(True) == 16  # type: ignore[operator]
    assert plant.control({"set": "clouds", "value": "overcast"}, 19 * HOUR_MS)["ok"]
    plant.control({"set": "wall", "value": "2026-06-21T12:00"}, 19 * HOUR_MS)
    assert 0.05 * 8000 < sum(plant.pv) < 0.3 * 8000


def test_without_a_sun_and_a_profile_a_house_is_as_it_was() -> None:
    plant = Plant(Options(pv_w=1000.0), 5, 0)
    plant.step(10 * HOUR_MS)
    assert sum(plant.pv) > 790
    assert "sun_elevation_deg" not in plant.state(10 * HOUR_MS)
    assert plant.control({"set": "clouds", "value": "broken"}, 10 * HOUR_MS)["ok"] is False


def test_a_profile_is_the_load_until_somebody_sets_one_and_again_on_demand() -> None:
    plant = Plant(msgspec.convert({"load": "profile", "sun": {"wall": "2026-06-21T19:00"}}, Options), 3, 0)
    assert plant.load == house(3, "2026-06-21T19:00").watts(0)
    plant.control({"set": "load_w", "value": 700}, 0)
    assert plant.load == [700] * 3
    plant.control({"set": "load_w", "value": "own"}, 0)
    assert plant.load == house(3, "2026-06-21T19:00").watts(0)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"latitude": 95}, "latitude must be"),
        ({"wall": "noon"}, "wall must be a local time"),
        ({"clouds": 1.5}, "clouds must be clear, broken, overcast or a number"),
        ({"arrays": [{"share": 0.4}]}, "must be 1 together"),
        ({"tilt": 3}, "unknown field"),
    ],
)
def test_a_sun_that_cannot_be_is_refused_with_its_reason(wrong: dict[str, object], told: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=told):
        msgspec.convert({"sun": wrong}, Options)


def test_what_is_no_sky_is_refused_and_breaks_nothing() -> None:
    plant = Plant(msgspec.convert({"pv_w": 5000, "sun": {}}, Options), 1, 0)
    for nonsense in (["clear"], {"clear": 1}, None, "nan", 2):
        reply = plant.control({"set": "clouds", "value": nonsense}, 0)
        assert "clouds must be clear" in str(reply["error"])
