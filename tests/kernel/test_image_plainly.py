"""The process image against its plain definition: the rules at the head of image.py, word by word."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from kernel_toys import current

from supervisor.kernel.image import absorb, blank
from supervisor.kernel.signal import Quality, Reading, Sample

NOW_MS = 50_000
SIGNALS = (current("m.a", jump=5_000), current("m.b"), current("m.c", jump=0))
QUALITIES = st.sampled_from(Quality)
ANY_TIME = st.integers(NOW_MS - 3, NOW_MS + 3)
ANY_SAMPLE = st.builds(Sample, st.integers(0, 2), st.none() | st.integers(-100_002, 100_002), ANY_TIME, QUALITIES)
NEAR_SAMPLE = st.builds(Sample, st.integers(0, 2), st.sampled_from([0, 5_000, 5_001]), ANY_TIME, QUALITIES)


def _known(before: Reading) -> bool:
    return before.value is not None and before.quality <= Quality.SUSPECT


def plainly(image: tuple[Reading, ...], sample: Sample) -> tuple[Reading, ...]:
    """One sample after the rules at the head of image.py, word by word."""
    signal, before = SIGNALS[sample.signal], image[sample.signal]
    late = sample.at_ms < before.at_ms
    repeated = (sample.at_ms, sample.value) == (before.at_ms, before.value) and sample.quality <= before.quality
    if late or repeated:
        return image
    quality = sample.quality
    if sample.value is None or not signal.lo <= sample.value <= signal.hi:
        quality = max(quality, Quality.INVALID)
    elif quality is Quality.GOOD and signal.jump is not None and _known(before):
        quality = Quality.SUSPECT if abs(sample.value - (before.value or 0)) > signal.jump else quality
    reading = Reading(sample.value, min(sample.at_ms, NOW_MS), quality)
    return tuple(reading if place == sample.signal else other for place, other in enumerate(image))


@given(st.lists(ANY_SAMPLE | NEAR_SAMPLE, max_size=8))
def test_samples_are_absorbed_as_the_rules_say_word_by_word(samples: list[Sample]) -> None:
    image = blank(SIGNALS)
    for sample in samples:
        image = plainly(image, sample)
    assert absorb(SIGNALS, blank(SIGNALS), samples, NOW_MS) == image


def test_where_no_step_at_all_is_credible_the_smallest_one_is_a_jump() -> None:
    samples = [Sample(2, value, NOW_MS + value - 9, Quality.GOOD) for value in (7, 8)]
    assert [absorb(SIGNALS, blank(SIGNALS), samples[:count], NOW_MS)[2].quality for count in (1, 2)] == [
        Quality.GOOD,
        Quality.SUSPECT,
    ]
