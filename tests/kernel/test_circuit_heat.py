"""The fuse's patience: a longer or higher overload uses up more of it, it cools like it heats, and it never forgets
because cycles were skipped.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_mains import BOXES, SITE, Driven, box_words, meter_words, plan_of
from kernel_toys import START_MS

from supervisor.kernel.event import EventKind
from supervisor.kernel.heat import COOL, FULL, HOT, WARM, Curve, Heat, advance, level_at, rate_of, unknown, used
from supervisor.kernel.plan import Plan
from supervisor.kernel.signal import Quality
from supervisor.loader.circuits import CURVES

GG = Curve("curve", "why", CURVES["gG"])
COLD = Heat(0, None, 0, 0, COOL, None)
SHARES = st.one_of(st.none(), st.integers(0, 4_000))


def after(share: int, ms: int, curve: Curve = GG, at: Heat = COLD) -> Heat:
    """Under this current for so long, from ``at``."""
    return advance(curve, advance(curve, at, share, at.since_ms), share, at.since_ms + ms)


@pytest.mark.parametrize("name", CURVES)
def test_each_point_of_a_curve_uses_up_the_whole_patience_in_its_time(name: str) -> None:
    curve = Curve("curve", "why", CURVES[name])
    for share, ms in curve.points[1:]:
        assert used(after(share, ms, curve), ms) == 1000
        assert used(after(share, ms * 9 // 10, curve), ms * 9 // 10) < 1000


@pytest.mark.parametrize("name", CURVES)
def test_what_a_fuse_carries_for_ever_uses_up_nothing(name: str) -> None:
    curve = Curve("curve", "why", CURVES[name])
    for share in (0, 500, 1_000, curve.points[0][0]):
        assert used(after(share, 10**9, curve), 10**9) == 0


@given(st.integers(1_251, 5_000), st.integers(1, 500))
def test_more_current_never_has_more_time(share: int, more: int) -> None:
    assert rate_of(GG.points, share) <= rate_of(GG.points, share + more)


@given(st.integers(1_251, 8_000))
def test_no_current_has_more_time_than_the_published_points_around_it_allow(share: int) -> None:
    upper = next((point for point in GG.points[1:] if share <= point[0]), GG.points[-1])
    time_ms = FULL / rate_of(GG.points, share)
    assert time_ms <= upper[1] * (upper[0] / share) ** 2 * 1.0001  # constant I2t: the earliest that physics allows


def test_it_cools_like_it_heats() -> None:
    """By the same measure per I2 below what it carries for ever: 1.6 heats in 60 s by (1.6^2 - 1.25^2)."""
    for share in (0, 500, 1_000, 1_240):
        cools = rate_of(GG.points, share) / FULL
        assert cools == pytest.approx(-(1.25**2 - (share / 1000) ** 2) / (1.6**2 - 1.25**2) / 60_000, rel=1e-3)
    hot = Heat(FULL, None, 0, 0, HOT, None)
    assert used(after(0, 600_000, at=hot), 600_000) == 0


@pytest.mark.parametrize("name", CURVES)
@given(st.integers(1_300, 4_000), st.integers(0, 1_100), st.integers(5, 95))
def test_a_load_that_comes_and_goes_is_found_by_its_effective_current(
    name: str, high: int, low: int, duty: int
) -> None:
    """However short its peaks: what a fuse cannot bear on average it cannot bear."""
    points = CURVES[name]
    carried = points[0][0]
    excess = (high**2 * duty + low**2 * (100 - duty)) / 100 - carried**2
    net = rate_of(points, high) * duty + rate_of(points, low) * (100 - duty)
    assert net > 0 or excess <= carried**2 / 1_000


def test_not_knowing_neither_heats_nor_cools() -> None:
    half = Heat(FULL // 2, 0, -10, 0, COOL, None)
    assert level_at(advance(GG, half, None, 0), 10**9) == FULL // 2


def test_warm_at_half_hot_at_four_fifths_and_neither_flickers() -> None:
    at = after(1_600, 30_000)
    assert (used(at, 30_000), at.stage) == (500, WARM)
    at = advance(GG, at, 1_600, 48_000)
    assert at.stage == HOT
    at = advance(GG, at, 1_000, 48_000)
    seen = {}
    for now_ms in range(48_000, 400_000, 50):
        at = advance(GG, at, 1_000, now_ms)
        seen.setdefault(at.stage, used(at, now_ms))
    assert seen[WARM] in (499, 500)
    assert seen[COOL] in (249, 250)


@given(st.lists(st.tuples(SHARES, st.integers(1, 40_000)), max_size=12))
def test_skipping_quiet_cycles_changes_nothing(course: list[tuple[int | None, int]]) -> None:
    every = some = unknown(GG, 0)
    now_ms = 0
    for share, ms in course:
        every, some = advance(GG, every, share, now_ms), advance(GG, some, share, now_ms)
        for at_ms in range(now_ms, now_ms + ms, 50):
            every = advance(GG, every, share, at_ms)
            if some.due_ms is not None and at_ms >= some.due_ms:
                some = advance(GG, some, share, at_ms)
            assert every == some
        now_ms += ms


def test_nobody_knows_what_it_went_through_before_a_boot() -> None:
    fresh = unknown(GG, 0)
    assert fresh.stage == COOL
    assert advance(GG, advance(GG, fresh, 1_600, 0), 1_600, 50).stage == WARM


# ---- what follows from it -------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return plan_of(tmp_path_factory.mktemp("heat"))


def heated(plan: Plan, *courses: tuple[float, int], sign: int = 1, quality: Quality = Quality.GOOD) -> Driven:
    """A house whose phase 1 carries so many amperes for so many seconds, one after the other. Box 1 wants 16 A."""
    kernel = Driven(plan)
    for amps, seconds in courses:
        for _ in range(0, seconds * 1000, 500):
            kernel.hear(meter_words([amps, 3, 3], sign), quality)
            kernel.hear({"pv.power": 40_000_000} | {k: v for b in BOXES for k, v in box_words(b, 0).items()})
            kernel.cycle()
            kernel.now_ms += 500
    return kernel


def test_a_warm_fuse_is_run_below_its_rating_and_says_so(plan: Plan) -> None:
    kernel = heated(plan, (20, 300), (50, 45), (20, 1))
    assert kernel.hi("box1.current") == (35_000 * 800 // 1000 - 2_000 - 20_000, "circuits.house.curve")
    said = [e.text for e in kernel.events if e.subject == "circuits.house.curve"]
    assert said[0].startswith("phase 1: the fuse is warm after 49.98 A: a gG fuse bears an overload only for so long")


def test_a_hot_fuse_stops_every_feed_of_its_circuit_and_comes_back_by_itself(plan: Plan) -> None:
    kernel = heated(plan, (3, 300), (60, 45), (3, 1))
    for box in BOXES:
        assert kernel.hi(f"{box}.current") == (0, "circuits.house.curve")
    kernel = heated(plan, (3, 300), (60, 45), (3, 400))
    assert kernel.hi("box1.current") == (16_000, "rating")
    assert [e.kind for e in kernel.events if e.subject == "circuits.house.curve"] == [
        EventKind.TRIP,
        EventKind.TRIP,
        EventKind.CLEARED,
        EventKind.CLEARED,
    ]


def test_a_phase_that_exports_too_much_does_not_stop_those_who_would_help(plan: Plan) -> None:
    kernel = heated(plan, (3, 300), (-60, 45))
    assert kernel.hi("box1.current") == (16_000, "rating")


def test_a_doubtful_overload_counts_and_a_doubtful_calm_does_not(plan: Plan) -> None:
    kernel = heated(plan, (3, 300))
    cool = kernel.state.proven.circuits[0].heats[0]
    for _ in range(90):
        kernel.hear(meter_words([60, 3, 3]), Quality.SUSPECT)
        kernel.cycle()
        kernel.now_ms += 500
    hot = kernel.state.proven.circuits[0].heats[0]
    assert (cool.stage, hot.stage) == (COOL, HOT)
    for _ in range(600):
        kernel.hear(meter_words([3, 3, 3]), Quality.SUSPECT)
        kernel.cycle()
        kernel.now_ms += 500
    assert kernel.state.proven.circuits[0].heats[0].stage == HOT


def test_a_fuse_has_no_sign(plan: Plan) -> None:
    """A meter that tells currents with their sign, clamped the wrong way round: 60 A are 60 A."""
    kernel = heated(plan, (3, 300))
    for _ in range(90):
        kernel.hear({"meter.current_l1": -60_000})
        kernel.cycle()
        kernel.now_ms += 500
    assert kernel.state.proven.circuits[0].heats[0].stage == HOT


def test_the_household_alone_can_make_it_hot_and_no_car_is_then_let_in(plan: Plan) -> None:
    kernel = heated(plan, (55, 80))
    assert kernel.hi("box2.current")[0] == 0


def test_a_site_without_a_curve_has_no_heat(tmp_path_factory: pytest.TempPathFactory) -> None:
    site = SITE.replace("    curve: gG\n", "").replace("    curve: B\n", "")
    bare = plan_of(tmp_path_factory.mktemp("bare"), site)
    kernel = heated(bare, (20, 5), (60, 60), (20, 2))
    assert kernel.hi("box1.current") == (13_000, "circuits.house")
    assert kernel.now_ms > START_MS
