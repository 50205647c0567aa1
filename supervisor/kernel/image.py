"""The process image: one reading per declared signal, frozen once per cycle.

Rules
* Every declared signal has a place from the start, if only as MISSING.
* A sample older than the reading in place is late and changes nothing; a repeated one changes nothing either, unless
  it says worse of itself.
* A time stamp from the future is taken as now: a bus process cannot make its readings young for ever.
* Out of range makes a value INVALID and a jump makes it SUSPECT; both keep it, because it may still trip.
  A level that stays after a jump is believed again at its second sample.

This file must never turn a worse quality into a better one.
"""

from __future__ import annotations

from collections.abc import Iterable

from supervisor.kernel.signal import MISSING, Quality, Reading, Sample, Signal

Image = tuple[Reading, ...]
GOOD = Quality.GOOD


def blank(signals: tuple[Signal, ...]) -> Image:
    """The image of a house that has not said anything yet."""
    return (MISSING,) * len(signals)


def absorb(signals: tuple[Signal, ...], image: Image, samples: Iterable[Sample], now_ms: int) -> Image:
    """The image after these samples, in their order of arrival."""
    readings = list(image)
    for sample in samples:
        place = sample.signal
        before = readings[place]
        if sample.at_ms > before.at_ms or not _old_news(before, sample):  # mostly newer, and that is news
            readings[place] = qualify(signals[place], before, sample, now_ms)
    return tuple(readings)


def _old_news(before: Reading, sample: Sample) -> bool:
    """Is the sample late, or the same again? A jump must not be believed because it was delivered twice."""
    same = sample.at_ms == before.at_ms and sample.value == before.value and sample.quality <= before.quality
    return same or sample.at_ms < before.at_ms


def qualify(signal: Signal, before: Reading, sample: Sample, now_ms: int) -> Reading:
    """One sample as a reading, with what its own value says against it."""
    value, at_ms, quality = sample.value, sample.at_ms, sample.quality
    if at_ms > now_ms:
        at_ms = now_ms
    if value is None:
        return Reading(None, at_ms, max(quality, Quality.INVALID))
    if not signal.lo <= value <= signal.hi:
        return Reading(value, at_ms, max(quality, Quality.INVALID))
    if quality is GOOD and signal.jump is not None and _jumped(signal.jump, before, value):
        return Reading(value, at_ms, Quality.SUSPECT)
    return Reading(value, at_ms, quality)


def _jumped(jump: int, before: Reading, value: int) -> bool:
    """Is the step from the reading before more than the sensor can make? The second sample at the new level is
    compared with the first one there, so a level that stays is believed at its second sample."""
    if before.value is None or before.quality > Quality.SUSPECT:
        return False
    return abs(value - before.value) > jump
