"""Files that nobody meant to write: each ends soon, with one line that names the place and the remedy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hil import cli
from hil.rig_select import select
from hil.scenario import read
from hil.scenario.document import PIECES_MAX, SIZE_MAX, parse
from hil.scenario.expression import condition
from hil.unix_socket import RigError

POLICIES = Path(__file__).parents[2] / "policies"
HEAD = f"title: t\nwhy: w\nhouse: uc001\nsite: {POLICIES}/uc001\nlength: 5 s\n"
EXPECT = "expect:\n  - {never: max(plant.grid_a) > 35}\n"
Reading = Callable[[str | bytes], str]


@pytest.fixture
def wrong(tmp_path: Path) -> Reading:
    """The error of a file with this in it."""

    def of(text: str | bytes) -> str:
        path = tmp_path / "mine.yaml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        with pytest.raises(RigError) as caught:
            read.load(path)
        told = str(caught.value)
        assert told.startswith(f"{path}:")
        assert "\n" not in told
        return told

    return of


# ---- the file -------------------------------------------------------------------------------------------------------
def test_a_byte_that_no_text_has_is_told_with_its_line(wrong: Reading) -> None:
    assert ":6: a character 0x0" in wrong(HEAD.encode() + b"seed: \x00\n" + EXPECT.encode())


def test_another_encoding_is_told_with_the_one_that_is_wanted(wrong: Reading) -> None:
    assert "save it as UTF-8" in wrong((HEAD + EXPECT + "# ä\n").encode("latin-1"))


def test_half_a_character_is_no_text_because_no_page_could_be_written_with_it(wrong: Reading) -> None:
    assert ":1: title: " in wrong(HEAD.replace("title: t", r'title: "\ud83d"') + EXPECT)


def test_lists_within_lists_without_end_are_one_error(wrong: Reading) -> None:
    assert "too deep" in wrong(HEAD + "show: " + "[" * 3000 + "]" * 3000 + "\n" + EXPECT)


def test_anchors_within_anchors_end_soon(wrong: Reading) -> None:
    lines = ["a: &a [x,x,x,x,x,x,x,x,x]"]
    for name, inner in zip("bcdefghij", "abcdefghi", strict=True):
        lines.append(f"{name}: &{name} [{','.join([f'*{inner}'] * 9)}]")
    assert f"more than {PIECES_MAX} pieces" in wrong(HEAD + "\n".join(lines) + "\n" + EXPECT)


def test_an_anchor_that_a_person_writes_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(HEAD + "expect:\n  - &e {never: max(plant.grid_a) > 35}\n  - *e\n", "utf-8")
    assert len(read.load(path).expectations) == 2


def test_ten_megabytes_are_no_scenario_and_are_not_looked_through(wrong: Reading) -> None:
    assert f"at most {SIZE_MAX} are read" in wrong(HEAD + EXPECT + "# x\n" * 2_500_000)


@pytest.mark.parametrize("tagged", ["!!binary aGVsbG8=", "!!timestamp 2026-01-01"])
def test_what_is_neither_text_nor_number_is_told_where_it_stands(tagged: str) -> None:
    with pytest.raises(RigError, match=r"mine:2: a: .*without a tag"):
        parse(f"\na: {tagged}\n", Path("mine"))


# ---- times, houses, sites -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("digits", ["9" * 50, "0." + "1" * 40])
def test_a_number_with_more_digits_than_anybody_means_is_no_time(digits: str, wrong: Reading) -> None:
    assert ":5: length: expected a time such as" in wrong(HEAD.replace("5 s", f"{digits} s") + EXPECT)


def test_a_value_with_more_digits_than_anybody_means_is_no_value(wrong: Reading) -> None:
    ask = "timeline:\n  - {at: 1 s, ask: {as: phone, set: wallbox.current, to: " + "9" * 400 + " A}}\n"
    assert ":7: timeline[1].ask.to: expected a value such as" in wrong(HEAD + ask + EXPECT)


@pytest.mark.parametrize("key", ["house", "site"])
def test_a_name_that_no_file_could_have_is_an_error_of_that_key(key: str, wrong: Reading) -> None:
    line = {"house": 3, "site": 4}[key]
    lines = [f"{key}: {'a' * 400}" if one.startswith(f"{key}: ") else one for one in HEAD.splitlines()]
    assert f":{line}: {key}: " in wrong("\n".join(lines) + "\n" + EXPECT)


def test_a_document_of_the_site_that_is_no_utf_8_is_told_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_bytes(b"site: x\n# \xe4\n")
    (tmp_path / "mine.yaml").write_text(HEAD.replace(f"{POLICIES}/uc001", ".") + EXPECT, "utf-8")
    with pytest.raises(RigError, match=r"site\.yaml: is no text in UTF-8"):
        read.load(tmp_path / "mine.yaml")


def test_an_empty_text_is_everywhere_and_cannot_be_edited(wrong: Reading) -> None:
    assert "the old text of an edit is empty" in wrong(HEAD + "edits: {'': x}\n" + EXPECT)


# ---- what happens, what is expected ---------------------------------------------------------------------------------
def test_two_power_cuts_at_once_are_told_because_the_first_would_end_both(wrong: Reading) -> None:
    cuts = "timeline:\n  - {at: 1 s, power_cut: 2 s}\n  - {at: 2 s, power_cut: 1 s}\n"
    assert ":8: timeline: there is no power until 3 s" in wrong(HEAD + cuts + EXPECT)


def test_a_cut_may_begin_when_the_one_before_it_is_over(tmp_path: Path) -> None:
    cuts = "timeline:\n  - {at: 1 s, power_cut: 1 s}\n  - {at: 2 s, power_cut: 1 s}\n"
    (tmp_path / "mine.yaml").write_text(HEAD + cuts + EXPECT, "utf-8")
    assert len(read.load(tmp_path / "mine.yaml").events) == 2


def test_a_fault_within_a_fault_does_not_take_its_place(wrong: Reading) -> None:
    told = wrong(HEAD + "timeline:\n  - {at: 1 s, fault: {meter: {silent: {fault: late}}}}\n" + EXPECT)
    assert ":7: timeline[1].fault.meter.silent.fault: silent has no parameter 'fault'" in told


@pytest.mark.parametrize("nothing", ["", "[a, b]", "{a: b}"])
@pytest.mark.parametrize("kind", ["never: ", "within: 2 s, see: "])
def test_an_expectation_without_a_condition_shows_what_one_is(kind: str, nothing: str, wrong: Reading) -> None:
    assert "expected a condition here, such as max(plant.grid_a) <= 35" in wrong(
        f"{HEAD}expect:\n  - {{{kind}{nothing}}}\n"
    )


def test_nobody_writes_to_the_plant_and_there_is_no_such_fact(wrong: Reading) -> None:
    assert "there is no fact 'plant.writes'" in wrong(HEAD + "expect:\n  - {never: plant.writes > 0}\n")


def test_a_condition_that_is_too_deep_is_told() -> None:
    with pytest.raises(RigError, match="too deep"):
        condition("-" * 600 + "plant.voltage_v > 3")


@pytest.mark.parametrize("limit", ["1e999", "-1e999", "9" * 400])
def test_a_limit_that_nothing_could_reach_is_no_limit(limit: str) -> None:
    with pytest.raises(RigError, match="so this would never fail"):
        condition(f"plant.voltage_v > {limit}")


def test_a_division_by_zero_that_stands_there_is_told_before_anything_runs() -> None:
    with pytest.raises(RigError, match="divides by zero"):
        condition("plant.voltage_v / 0 > 3")
    assert condition("plant.voltage_v / 0.5 > 3").holds({"plant.voltage_v": 230.0})


# ---- names ----------------------------------------------------------------------------------------------------------
def test_two_names_that_would_have_one_page_do_not_run(tmp_path: Path) -> None:
    for name in ("my evening.yaml", "my_evening.yaml", "my_epilogue.yaml"):
        (tmp_path / name).write_text(HEAD + EXPECT, "utf-8")
    with pytest.raises(RigError, match="have the same name"):
        select([str(tmp_path)])


def test_a_folder_without_a_scenario_is_told_as_a_folder(tmp_path: Path) -> None:
    (tmp_path / "evening.yml").write_text(HEAD + EXPECT, "utf-8")
    with pytest.raises(RigError, match=r"this folder has no scenario; they are files that end in \.yaml"):
        read.find(str(tmp_path))


@pytest.mark.parametrize("name", ["a" * 300, f"faults:{'a' * 300}"])
def test_a_name_that_no_file_could_have_is_no_scenario(name: str) -> None:
    with pytest.raises(RigError, match="no such"):
        select([name])


@pytest.mark.parametrize("words", [["list", "--filter", "H99"], ["run", "--filter", "H31"]])
def test_a_hazard_that_there_is_not_is_told_and_not_an_empty_list(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(words) == 2
    assert "no such hazard; they are H01 to H30" in capsys.readouterr().err
