"""An altered byte, a missing line, an exchanged segment: reported with file, line and remedy. A cut end is an end."""

from __future__ import annotations

import gzip
import random
import shutil
from pathlib import Path

import pytest
from replay_files import put_together, replayed, taken_apart
from replay_house import Recorded

from supervisor.guardian import journal
from supervisor.guardian.segment import FLUSHED, segments
from supervisor.replay.reader import JournalError, Reading


@pytest.fixture(scope="module")
def small(minute: Path) -> list[bytes]:
    """A head and some short lines."""
    first, *rest = taken_apart(minute)
    return [first, *rest[:4]]


def caught(path: Path) -> tuple[int, str]:
    """The line at which reading stops, and what is said."""
    with pytest.raises(JournalError) as error:
        list(Reading(path).lines())
    assert str(error.value).startswith(f"{path}:{error.value.line}: ")
    return error.value.line, error.value.message


def stopped(path: Path) -> JournalError | None:
    """What reading stops at; None for a segment that simply ends."""
    try:
        list(Reading(path).lines())
    except JournalError as error:
        return error
    return None


def test_every_single_altered_byte_is_reported_with_its_line(small: list[bytes], tmp_path: Path) -> None:
    dice, path = random.Random(1), tmp_path / "journal-00000001-x.jsonl.gz"
    text = b"".join(small)
    end, tried = 0, 0
    for number, line in enumerate(small, 1):
        start, end = end, end + len(line)
        every = range(start, end) if number > 1 else sorted({*dice.sample(range(start, end), 100), end - 1})
        for place in every:
            byte = dice.choice([other for other in (text[place] ^ 1, 0x0A, 0x20, 0xFF) if other != text[place]])
            altered = text[:place] + bytes([byte]) + text[place + 1 :]
            assert caught(put_together(path, altered))[0] == number, (number, place, byte)
            tried += 1
    assert tried > 1_000


def test_a_missing_and_a_doubled_line_are_reported_where_they_show(small: list[bytes], tmp_path: Path) -> None:
    path = tmp_path / "journal-00000001-x.jsonl.gz"
    for number in range(2, len(small)):
        without = small[: number - 1] + small[number:]
        assert caught(put_together(path, b"".join(without)))[0] == number
        twice = small[:number] + small[number - 1 :]
        assert caught(put_together(path, b"".join(twice)))[0] == number + 1


def test_the_report_says_what_to_do(small: list[bytes], tmp_path: Path) -> None:
    path = put_together(tmp_path / "journal-00000001-x.jsonl.gz", b"".join(small).replace(b'"e":', b'"E":', 1))
    code, said = replayed(path)
    assert code == 1
    assert "put the file back from a copy" in said[-1]


def test_a_bit_that_is_altered_in_the_file_itself_is_noticed_or_says_nothing(minute: Path, tmp_path: Path) -> None:
    """A few bits of a compressed file mean nothing to anybody (they fill up bytes): with them it says the very same."""
    data, path, dice = minute.read_bytes(), tmp_path / minute.name, random.Random(2)
    lines = [line.said for line in Reading(minute).lines()]
    unnoticed = 0
    for place in sorted(dice.sample(range(10, len(data)), 500)):
        path.write_bytes(data[:place] + bytes([data[place] ^ (1 << dice.randrange(8))]) + data[place + 1 :])
        found = read_or_none(path)
        assert found in (None, lines), place
        unnoticed += found is not None
    assert unnoticed < 10


def test_a_bit_that_is_altered_in_an_unfinished_file_hides_nothing_that_follows(minute: Path, tmp_path: Path) -> None:
    """Altered bytes may unpack without an error to a line without an end, as if it were still being written."""
    data, path, dice = minute.read_bytes(), tmp_path / minute.name, random.Random(4)
    data = data[: data.rfind(FLUSHED, 0, len(data) // 2) + len(FLUSHED)]
    last = data.rfind(FLUSHED, 0, -len(FLUSHED))
    path.write_bytes(data)
    lines = [line.said for line in Reading(path).lines()]
    assert lines
    unnoticed = 0
    for place in sorted(dice.sample(range(10, last), 1_500)):
        path.write_bytes(data[:place] + bytes([data[place] ^ (1 << dice.randrange(8))]) + data[place + 1 :])
        if stopped(path) is None:
            assert [line.said for line in Reading(path).lines()] == lines, place
            unnoticed += 1
    assert unnoticed < 30


def read_or_none(path: Path) -> list[bytes] | None:
    """What a finished segment says; None where something is reported."""
    reading = Reading(path)
    try:
        said = [line.said for line in reading.lines()]
    except JournalError:
        return None
    return said if reading.ended else []


def test_wherever_an_unfinished_segment_is_cut_it_simply_ends_there(minute: Path, tmp_path: Path) -> None:
    lines, data = taken_apart(minute), minute.read_bytes()
    dice, path, seen = random.Random(3), tmp_path / minute.name, set()
    for size in sorted(dice.sample(range(len(data)), 200)):
        path.write_bytes(data[:size])
        reading = Reading(path)
        there = len(list(reading.lines()))
        assert there <= len(lines)
        assert not reading.ended
        seen.add(there)
    assert len(seen) > 50


def test_half_a_line_is_an_end_while_it_is_written_and_an_alteration_when_it_is_finished(
    small: list[bytes], tmp_path: Path
) -> None:
    text = b"".join(small)[:-10]
    path = put_together(tmp_path / "journal-00000001-x.jsonl.gz", text, ended=False)
    path.write_bytes(path.read_bytes()[: -len(FLUSHED) - 1])  # the flush has not come to its end
    reading = Reading(path)
    assert len(list(reading.lines())) == len(small) - 1
    assert reading.cut > 0
    code, said = replayed(path)
    assert (code, "ends in the middle of a line" in said[0]) == (0, True)
    assert caught(put_together(path, text))[0] == len(small)


def test_something_behind_the_end_is_reported(minute: Path, tmp_path: Path) -> None:
    path = tmp_path / minute.name
    path.write_bytes(minute.read_bytes() + gzip.compress(b"more\n"))
    assert "behind the end" in caught(path)[1]


# ---- whole folders ---------------------------------------------------------------------------------------------------
@pytest.fixture
def three(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(journal, "SEGMENT_MS", 5_000)
    house = Recorded(tmp_path / "journal", seed=4)
    house.live(14_000)
    house.close()
    assert len(segments(tmp_path / "journal")) == 3
    return tmp_path / "journal"


def test_a_whole_folder_follows(three: Path) -> None:
    assert replayed(three)[0] == 0


def test_exchanged_segments_are_reported(three: Path) -> None:
    first, second, _ = segments(three)
    one, other = first.read_bytes(), second.read_bytes()
    first.write_bytes(other)
    second.write_bytes(one)
    code, said = replayed(three)
    assert (code, f"{first}:1: is segment 2 by its head" in said[-1]) == (1, True), said


def test_a_missing_segment_is_reported(three: Path) -> None:
    _, second, third = segments(three)
    second.unlink()
    code, said = replayed(three)
    assert (code, f"{third}:1: segment 2 is missing before it" in said[-1]) == (1, True), said


def test_the_oldest_may_be_missing(three: Path) -> None:
    segments(three)[0].unlink()
    assert replayed(three)[0] == 0


def test_a_segment_of_another_journal_is_reported(three: Path, tmp_path: Path) -> None:
    house = Recorded(tmp_path / "other", seed=9)
    house.live(14_000)
    house.close()
    second = segments(three)[1]
    shutil.copy(segments(tmp_path / "other")[1], second)
    code, said = replayed(three)
    assert (code, f"{second}:1: does not follow" in said[-1]) == (1, True), said


def test_a_segment_that_was_cut_short_is_reported_by_the_one_after_it(three: Path) -> None:
    second, third = segments(three)[1:]
    put_together(second, b"".join(taken_apart(second)[:-2]))
    code, said = replayed(three)
    assert (code, f"{third}:1: does not follow" in said[-1]) == (1, True), said


def test_nothing_to_read_is_one_clear_sentence(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "nowhere"):
        code, said = replayed(place)
        assert (code, len(said)) == (1, 1)
        assert "run/journal" in said[0] or "RUN_DIR/journal" in said[0]


def test_another_format_is_said(tmp_path: Path) -> None:
    path = put_together(tmp_path / "journal-2026-01-01T000000-0.jsonl.gz", b'{"format":1,"site":"a house"}\n')
    assert "is of format 1, and this program reads 2" in caught(path)[1]


def test_an_end_that_a_power_cut_damaged_is_a_note_once_the_journal_has_gone_on(tmp_path: Path) -> None:
    for seed in (1, 2):
        house = Recorded(tmp_path / "journal", seed=seed, start_ms=100_000 * seed)
        house.live(8_000)
        if seed == 1:  # no end is written, and the last block never came to the disk
            first = segments(tmp_path / "journal")[0]
            first.write_bytes(first.read_bytes() + bytes(4_096))
            assert caught(first)[0] > 1
    house.close()
    code, said = replayed(tmp_path / "journal")
    assert code == 0, said
    assert any("is damaged from line" in line for line in said)
    data, torn = first.read_bytes(), caught(first)[0]
    for place in range(len(data) - 4_096, 0, -1):  # the last byte that spoils the packing before its torn end
        first.write_bytes(data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :])
        error = stopped(first)
        if error is not None and "compressed bytes are damaged" in error.message and error.line < torn:
            break
    code, said = replayed(tmp_path / "journal")
    assert (code, said[-1].startswith(f"{error}".partition(" ")[0])) == (1, True), said
