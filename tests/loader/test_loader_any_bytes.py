"""Whatever somebody's editor, disk or cat does to the documents: they load, or one line says what is wrong."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from loader_slips import EXAMPLE, HOUSE, LIMITS, SITE
from loader_switching import TEXTS

from supervisor.loader.documents import DocumentError, parse
from supervisor.loader.load import load

HOUSES = {
    "uc001": {name: (EXAMPLE / name).read_bytes() for name in (SITE, LIMITS, HOUSE)},
    "switching": {name: text.encode() for name, text in TEXTS.items()},
}
PLACES = [(house, name) for house, documents in HOUSES.items() for name in documents]
WORDS = sorted({word for documents in HOUSES.values() for text in documents.values() for word in text.split()})
NASTY = [
    b"",
    b"\x00",
    b"\xff",
    b"\t",
    b"\n",
    b"*",
    b"&a ",
    b"{",
    b"]",
    b":",
    b"- ",
    b"'",
    b"-",
    b"0",
    b"9" * 30,
    b"nan",
]
ROUNDS = settings(max_examples=180, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def refusal(documents: dict[str, bytes]) -> DocumentError | None:
    """What the loader has against these documents; any other exception is the finding that these tests are for."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in documents.items():
            (Path(folder) / name).write_bytes(content)
        try:
            load(Path(folder))
        except DocumentError as error:
            return error
    return None


def changed_bytes(text: bytes, seed: int) -> bytes:
    """The text with a few bytes cut out, and something else, or a nasty piece, put in their place."""
    dice = random.Random(seed)
    at = dice.randrange(len(text) + 1)
    return text[:at] + dice.choice(NASTY) + text[at + dice.choice((0, 1, 1, 3, 40)) :]


def changed_lines(text: bytes, seed: int) -> bytes:
    """The text with a line lost, doubled, swapped with another or indented differently."""
    dice = random.Random(seed)
    lines = text.split(b"\n")
    a, b = dice.randrange(len(lines)), dice.randrange(len(lines))
    match dice.randrange(5):
        case 0:
            del lines[a]
        case 1:
            lines.insert(b, lines[a])
        case 2:
            lines[a], lines[b] = lines[b], lines[a]
        case 3:
            lines[a] = b"  " + lines[a]
        case _:
            lines[a] = lines[a].removeprefix(b"  ")
    return b"\n".join(lines)


def changed_words(text: bytes, seed: int) -> bytes:
    """The text with one word replaced by a word from any of the documents: the likeliest way to a wrong meaning."""
    dice = random.Random(seed)
    word = dice.choice(text.split())
    at = text.index(word)
    return text[:at] + dice.choice(WORDS) + text[at + len(word) :]


Change = Callable[[bytes, int], bytes]
CHANGES = st.sampled_from([changed_bytes, changed_lines, changed_words])


@ROUNDS
@given(st.sampled_from(PLACES), st.lists(st.tuples(CHANGES, st.integers(0, 2**32)), min_size=1, max_size=2))
def test_a_spoilt_document_loads_or_says_what_is_wrong(
    place: tuple[str, str], changes: list[tuple[Change, int]]
) -> None:
    house, name = place
    text = HOUSES[house][name]
    for change, seed in changes:
        text = change(text, seed)
    spoilt = {**HOUSES[house], name: text}
    error = refusal(spoilt)
    if error:
        assert 1 <= error.line <= spoilt[Path(error.file).name].count(b"\n") + 1
        assert str(error).isprintable()


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
@example(b"\xef\xbb\xbf")
@example(b"? ")
@example(b"%YAML 9.9\n---\n")
@example(b"!!binary |\n  ////\n")
@example(b"a: !<tag:yaml.org,2002:set> {b, c}")
def test_any_bytes_in_place_of_a_document_say_what_is_wrong(content: bytes) -> None:
    try:
        parse(content.decode("utf-8"), "here.yaml")
    except (UnicodeDecodeError, DocumentError):
        return


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.sampled_from("ab: \n-[]{}'\"#&*!|>%@`,?\t\x85\u2028\ufeff"), max_size=60))
def test_any_text_is_a_document_or_says_at_which_of_its_lines_it_is_none(text: str) -> None:
    try:
        assert parse(text, "here.yaml").line >= 1
    except DocumentError as caught:
        error = caught
    else:
        return
    assert str(error).isprintable()
    assert 1 <= error.line <= len(text) + 1
