"""Lines of the journal: nothing is lost in packing, no login gets in, and every byte has a say in the mark."""

from __future__ import annotations

import hashlib
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from supervisor.guardian.provenance import code_digest, masked
from supervisor.guardian.record import Record, body, folded, opened, packed, read, sealed, unfolded, unpacked
from supervisor.kernel.image import absorb
from supervisor.kernel.signal import MISSING, Quality, Reading, Sample, Signal, Unit
from supervisor.loader.load import load

EXAMPLE = Path(__file__).parents[2] / "policies" / "uc001"
SIGNALS = tuple(Signal(f"box.s{i}", Unit.CURRENT, 1_000, -100, 100, 20) for i in range(4))
SAMPLES = st.lists(
    st.builds(
        Sample,
        st.integers(0, 3),
        st.none() | st.sampled_from((0, 5, 50, 500)),
        st.integers(900, 1_000),
        st.sampled_from(Quality),
    )
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(SAMPLES, SAMPLES)
def test_packed_samples_come_out_as_they_went_in(first: list[Sample], second: list[Sample]) -> None:
    image = absorb(SIGNALS, (MISSING,) * 4, first, 1_000)
    assert unpacked(packed(second, image, 1_000), image, 1_000) == second


def test_what_repeats_itself_costs_its_index() -> None:
    before = (Reading(5, 0, Quality.GOOD), MISSING)
    samples = [Sample(0, 5, 10, Quality.GOOD), Sample(1, 7, 10, Quality.GOOD), Sample(1, 7, 20, Quality.GOOD)]
    assert packed(samples, before, 30) == [[20, 0, [1, 7, Quality.GOOD]], [10, 1]]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 900), st.lists(st.integers(0, 3))), min_size=1, max_size=9))
def test_folded_cycles_come_out_as_they_went_in(steps: list[tuple[int, int, list[int]]]) -> None:
    cycles, n, t = [], 10, 1_000
    for more, ms, signals in steps:
        n, t = n + more, t + ms
        cycles.append(Record(n, t, s=[[3, *signals]] if signals else []))
    line = folded(cycles[:-1], cycles[-1])
    again = read(body(line))
    assert isinstance(again, Record)
    assert list(unfolded(again)) == cycles


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(max_size=20), st.integers(0, 10_000), st.integers(1, 255), st.text(alphabet="0123456789abcdef"))
def test_a_line_opens_only_as_it_was_sealed_and_only_after_the_line_before(
    text: str, place: int, flip: int, other: str
) -> None:
    said = body(Record(1, 2, x=[(text, "", 1)]))
    line, mark = sealed(said, "before")
    assert opened(line[:-1], "before") == (said, mark)
    assert opened(line[:-1], f"before{other}x") is None
    altered = bytearray(line[:-1])
    altered[place % len(altered)] ^= flip
    assert opened(bytes(altered), "before") is None


def test_the_documents_are_written_without_anything_that_opens_a_door(tmp_path: Path) -> None:
    loaded = load(EXAMPLE)
    texts = masked(loaded.texts, loaded.tokens)
    everything = "".join(texts.values())
    for token, hashed in (("demo-optimiser", loaded.tokens["optimiser"]), ("demo-phone", loaded.tokens["phone"])):
        assert hashlib.sha256(token.encode()).hexdigest() == hashed
        assert token not in everything, "the example writes it into a comment"
        assert hashed not in everything
        assert hashlib.sha256(hashed.encode()).hexdigest() in everything
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    again = load(tmp_path).plan
    assert (again.rules, again.permissions, again.identities) == (
        loaded.plan.rules,
        loaded.plan.permissions,
        loaded.plan.identities,
    )


def test_a_hash_that_cannot_be_found_keeps_all_documents_out() -> None:
    assert masked({"site.yaml": 'token_sha256: "\\x61bc"'}, {"phone": "abc"}) == {}


def test_the_code_s_digest_is_one_hash() -> None:
    assert len(code_digest()) == 64
