"""Spans: a voice can only narrow, and a clip only ever goes towards safe."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from supervisor.kernel.span import Bands, Span, clip, tighter

LO, HI = -20, 20
VALUES = st.integers(LO - 5, HI + 5)
EDGES = st.none() | VALUES
VOICES = st.lists(st.tuples(EDGES, EDGES), max_size=5)
FULL = Span(LO, HI, "rating", "rating")


@st.composite
def bands_and_safe(draw: st.DrawFn) -> tuple[Bands, int]:
    """Bands that are sorted and do not overlap, and a safe value that lies in none of them."""
    edges = sorted(draw(st.sets(st.integers(LO, HI), max_size=6)))
    bands = tuple(zip(edges[::2], edges[1::2], strict=False))
    safe = draw(st.integers(LO, HI))
    assume(not any(low < safe < high for low, high in bands))
    return bands, safe


def narrowed(voices: list[tuple[int | None, int | None]]) -> Span:
    span = FULL
    for position, (lo, hi) in enumerate(voices):
        span = span.narrow(lo, hi, f"voice {position}")
    return span


@given(VOICES, EDGES, EDGES)
def test_a_span_only_becomes_narrower(
    voices: list[tuple[int | None, int | None]], lo: int | None, hi: int | None
) -> None:
    before = narrowed(voices)
    after = before.narrow(lo, hi, "one more")
    assert after.lo >= before.lo
    assert after.hi <= before.hi
    assert bool(after.empty_by) == (after.lo > after.hi)
    assert before.empty_by in ("", after.empty_by)


@given(VOICES)
def test_the_order_of_the_voices_does_not_move_the_edges(voices: list[tuple[int | None, int | None]]) -> None:
    forth, back = narrowed(voices), narrowed(voices[::-1])
    assert (forth.lo, forth.hi) == (back.lo, back.hi)


@given(VOICES)
def test_each_edge_is_named_after_the_voice_that_set_it(voices: list[tuple[int | None, int | None]]) -> None:
    span = narrowed(voices)
    for edge, by, side in ((span.lo, span.lo_by, 0), (span.hi, span.hi_by, 1)):
        if by == "rating":
            assert edge == (LO, HI)[side]
        else:
            assert voices[int(by.split()[1])][side] == edge


def test_a_voice_that_asks_for_no_less_changes_nothing() -> None:
    span = FULL.narrow(-5, 5, "first")
    assert span.narrow(-5, 9, "second") is span
    assert span.narrow(None, None, "third") is span


def test_the_voice_that_left_nothing_keeps_its_name() -> None:
    span = FULL.narrow(None, 3, "a").narrow(4, None, "b").narrow(9, None, "c")
    assert span.empty_by == "b"


@given(VALUES, VOICES, bands_and_safe())
def test_a_clipped_value_is_safe_or_allowed(
    value: int, voices: list[tuple[int | None, int | None]], device: tuple[Bands, int]
) -> None:
    span, (bands, safe) = narrowed(voices), device
    clipped = clip(value, span, safe, bands)
    allowed = span.lo <= clipped <= span.hi and not any(low < clipped < high for low, high in bands)
    assert clipped == safe or allowed


@given(VALUES, VOICES, bands_and_safe())
def test_a_clip_never_moves_away_from_safe(
    value: int, voices: list[tuple[int | None, int | None]], device: tuple[Bands, int]
) -> None:
    span, (bands, safe) = narrowed(voices), device
    clipped = clip(value, span, safe, bands)
    assert min(value, safe) <= clipped <= max(value, safe)


@given(VALUES, VOICES, bands_and_safe())
def test_a_clip_goes_no_further_than_it_must(
    value: int, voices: list[tuple[int | None, int | None]], device: tuple[Bands, int]
) -> None:
    span, (bands, safe) = narrowed(voices), device
    assume(span.lo <= safe <= span.hi)
    clipped = clip(value, span, safe, bands)
    passed_over = range(clipped + 1, value + 1) if value > clipped else range(value, clipped)
    for other in passed_over:
        assert not span.lo <= other <= span.hi or any(low < other < high for low, high in bands)


@pytest.mark.parametrize(("asked", "told"), [(0, 0), (4, 0), (5, 0), (6, 6), (10, 10), (17, 16), (-3, 0)])
def test_four_ampere_of_a_wallbox_that_starts_at_six_become_zero(asked: int, told: int) -> None:
    assert clip(asked, Span(0, 16, "rating", "rating"), 0, ((0, 6),)) == told


def test_below_safe_a_forbidden_band_is_left_upwards() -> None:
    both_ways = Span(-16, 16, "rating", "rating")
    assert [clip(value, both_ways, 0, ((-6, 0), (0, 6))) for value in (-20, -7, -6, -5, -1)] == [-16, -7, -6, 0, 0]


def test_of_several_bands_each_is_left_towards_safe() -> None:
    span, bands = Span(-16, 16, "rating", "rating"), ((-12, -8), (-6, 0), (0, 6), (8, 12))
    assert [clip(value, span, 0, bands) for value in (-11, -8, -7, -1, 1, 7, 8, 11, 12)] == [
        -8, -8, -7, 0, 0, 7, 8, 8, 12,
    ]  # fmt: skip


def test_a_span_that_excludes_safe_leaves_only_safe() -> None:
    assert clip(10, FULL.narrow(8, None, "at least"), 0, ()) == 0
    assert clip(10, FULL.narrow(8, 7, "empty"), 54, ()) == 54


@pytest.mark.parametrize(
    ("value", "than", "expected"),
    [(5, 10, True), (10, 10, True), (0, 10, True), (11, 10, False), (-1, 10, False), (-5, -10, True), (1, -10, False)],
)
def test_tighter_is_on_the_way_to_safe_and_not_beyond(value: int, than: int, expected: bool) -> None:
    assert tighter(value, than, 0) is expected
