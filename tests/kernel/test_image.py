"""The process image: what a sample may change, and what it says against itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_toys import current, good, plan, replace

from supervisor.kernel.image import absorb, blank
from supervisor.kernel.question import Outside
from supervisor.kernel.signal import MISSING, Quality, Reading, Sample
from supervisor.kernel.watch import stirs

NOW_MS = 50_000
SIGNALS = (current("m.a", jump=5_000), current("m.b"))
QUALITIES = st.sampled_from(Quality)
SAMPLES = st.builds(Sample, st.just(0), st.none() | st.integers(-120_000, 120_000), st.integers(0, NOW_MS), QUALITIES)


def after(*samples: Sample, image: tuple[Reading, ...] = blank(SIGNALS), now_ms: int = NOW_MS) -> Reading:
    return absorb(SIGNALS, image, samples, now_ms)[0]


def said(value: int | None, at_ms: int = NOW_MS, quality: Quality = Quality.GOOD) -> Sample:
    return Sample(0, value, at_ms, quality)


def test_every_declared_signal_has_a_place_before_it_has_said_anything() -> None:
    assert blank(SIGNALS) == (MISSING, MISSING)


def test_a_sample_takes_its_place_and_the_others_stay() -> None:
    image = absorb(SIGNALS, blank(SIGNALS), [Sample(1, 7, 40_000, Quality.GOOD)], NOW_MS)
    assert image == (MISSING, good(7, 40_000))


def test_samples_count_in_their_order_of_arrival() -> None:
    assert after(said(1), said(2)).value == 2


def test_a_late_sample_changes_nothing() -> None:
    assert after(said(1, 40_000), said(2, 39_999)) == good(1, 40_000)


def test_a_late_sample_does_not_bring_back_what_was_reported_missing() -> None:
    gone = said(None, 40_000, Quality.MISSING)
    assert after(gone, said(2, 39_999)) == Reading(None, 40_000, Quality.MISSING)
    assert after(gone, said(2, 40_000)) == good(2, 40_000)


def test_a_jump_that_is_delivered_twice_is_not_believed_for_that() -> None:
    assert after(said(0, 1), said(9_000, 2), said(9_000, 2)).quality is Quality.SUSPECT


@given(st.lists(SAMPLES, max_size=4), SAMPLES)
def test_a_repeated_sample_changes_nothing(earlier: list[Sample], sample: Sample) -> None:
    assert after(*earlier, sample, sample) == after(*earlier, sample)


def test_a_repeated_sample_that_says_worse_of_itself_is_believed() -> None:
    assert after(said(1), said(1, quality=Quality.STALE)).quality is Quality.STALE


def test_a_time_stamp_from_the_future_is_taken_as_now() -> None:
    assert after(said(1, NOW_MS + 5_000)) == good(1, NOW_MS)


def test_a_stamp_from_the_future_does_not_shut_out_what_comes_next() -> None:
    image = absorb(SIGNALS, blank(SIGNALS), [said(1, NOW_MS + 5_000)], NOW_MS)
    assert after(said(2, NOW_MS + 1), image=image, now_ms=NOW_MS + 1) == good(2, NOW_MS + 1)


@given(st.lists(SAMPLES, max_size=5), SAMPLES)
def test_no_sample_becomes_better_than_it_said_itself(earlier: list[Sample], sample: Sample) -> None:
    newest = replace(sample, at_ms=NOW_MS + 1)
    reading = after(*earlier, newest, now_ms=NOW_MS + 1)
    assert reading.quality >= sample.quality
    assert reading.value == sample.value


@pytest.mark.parametrize(
    ("value", "quality"),
    [(-100_001, Quality.INVALID), (-100_000, Quality.GOOD), (100_000, Quality.GOOD), (100_001, Quality.INVALID)],
)
def test_what_the_sensor_cannot_mean_is_invalid_but_keeps_its_value(value: int, quality: Quality) -> None:
    assert after(said(value)) == Reading(value, NOW_MS, quality)


@pytest.mark.parametrize("quality", Quality)
def test_no_value_is_never_better_than_invalid(quality: Quality) -> None:
    assert after(said(None, quality=quality)) == Reading(None, NOW_MS, max(quality, Quality.INVALID))


# ---- jumps -------------------------------------------------------------------------------------------------------
def test_a_jump_is_suspect_and_a_level_that_stays_is_believed_at_its_second_sample() -> None:
    steps = [after(*(said(v, 40_000 + i) for i, v in enumerate(values))) for values in ([0, 9_000], [0, 9_000, 9_100])]
    assert [reading.quality for reading in steps] == [Quality.SUSPECT, Quality.GOOD]
    assert steps[0].value == 9_000


def test_a_step_of_exactly_the_declared_jump_is_believed() -> None:
    assert after(said(0, 1), said(5_000, 2)).quality is Quality.GOOD
    assert after(said(0, 1), said(-5_001, 2)).quality is Quality.SUSPECT


def test_jumping_there_and_back_is_suspect_both_times() -> None:
    assert after(said(0, 1), said(9_000, 2), said(0, 3)).quality is Quality.SUSPECT


def test_the_first_value_and_one_after_a_gap_is_no_jump() -> None:
    assert after(said(9_000)).quality is Quality.GOOD
    assert after(said(0, 1), said(None, 2), said(9_000, 3)).quality is Quality.GOOD
    assert after(said(0, 1, Quality.STALE), said(9_000, 2)).quality is Quality.GOOD


def test_without_a_declared_jump_any_step_is_believed() -> None:
    image = absorb(SIGNALS, blank(SIGNALS), [Sample(1, v, NOW_MS, Quality.GOOD) for v in (0, 99_000)], NOW_MS)
    assert image[1] == good(99_000, NOW_MS)


def test_a_jump_does_not_hide_that_the_sender_already_doubts() -> None:
    assert after(said(0, 1), said(9_000, 2, Quality.STALE)).quality is Quality.STALE


# ---- early cycles ------------------------------------------------------------------------------------------------
def test_a_cycle_comes_early_only_for_an_answer_that_somebody_waits_for() -> None:
    house = plan(signals=SIGNALS, watched=((Outside(0, 2_000, None, 35_000),), ()))
    calm, high = absorb(SIGNALS, blank(SIGNALS), [said(1)], NOW_MS), (good(36_000, NOW_MS), MISSING)
    assert stirs(house, calm, high, {0}, NOW_MS)
    assert not stirs(house, calm, high, {1}, NOW_MS)
    assert not stirs(house, calm, (good(35_000, NOW_MS), MISSING), {0}, NOW_MS)
