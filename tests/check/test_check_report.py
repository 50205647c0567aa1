"""What somebody in a hurry sees of a check, and what a program gets of it."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from check_fixtures import ROOT, copied, replaced

from supervisor.check.page import TITLE
from supervisor.check.report import check, show, text
from supervisor.cli import main
from supervisor.loader.load import load

UC001 = str(ROOT / "policies" / "uc001")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_warnings_count_only_when_asked_for_and_notes_never(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", UC001]) == 0
    assert main(["check", UC001, "--strict"]) == 1
    site = copied("island", tmp_path)  # whose only warning is a spare contact
    replaced(site / "site.yaml", "contacts: 4, ", "contacts: 3, ")
    replaced(site / "site.yaml", "      coil_4: {breaks_load: 0 s}    # not used\n", "")
    capsys.readouterr()
    assert main(["check", str(site), "--strict"]) == 0
    assert "0 errors, 0 warnings, 1 note" in capsys.readouterr().out


def test_findings_come_first_by_file_and_line_then_examples_then_the_page_and_the_summary_last() -> None:
    lines = list(text(check(load(ROOT / "policies" / "uc001"))))
    first = lines.index("")
    places = [line.split(": [")[0].rsplit(":", 1) for line in lines[:first]]
    assert [(file, int(line)) for file, line in places] == sorted((file, int(line)) for file, line in places)
    examples = [i for i, line in enumerate(lines) if line.startswith("example ")]
    assert first < examples[0] < examples[-1] < lines.index(f"# {TITLE}")
    assert "may run. 0 errors, 6 warnings, 1 note; 10 of 10 examples as expected" in lines[-1]


def test_the_summary_of_a_site_with_an_error_says_that_it_must_not_run(tmp_path: Path) -> None:
    site = copied("uc001", tmp_path)
    replaced(site / "10-limits.yaml", "when: battery.soc below 20 %", "when: battery.soc above 110 %")
    last = list(text(check(load(site))))[-1]
    assert "not fit to run. 2 errors" in last  # the rule, and the example that it was for
    assert "9 of 10 examples as expected" in last


def test_data_says_the_same_as_the_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", UC001]) == 0
    said = capsys.readouterr().out
    assert main(["check", UC001, "--json", "--strict"]) == 1
    data = json.loads(capsys.readouterr().out)
    rows = [
        f"{row['file']}:{row['line']}: [{row['id']}] {row['severity']}: {row['what']}; {row['remedy']}"
        for row in data["findings"]
    ]
    assert rows == said.split("\n\n")[0].splitlines()
    assert data["ok"] is False
    assert data["counts"] == {"error": 0, "warning": 6, "note": 1}
    assert [row["name"] for row in data["examples"]] == [
        line.split()[1].rstrip(":") for line in said.splitlines() if line.startswith("example ")
    ]
    assert data["energised"]["remains"][-1]["target"] == "wallbox.current"


def test_colours_are_for_terminals_and_the_text_is_the_same_in_both() -> None:
    lines = list(text(check(load(ROOT / "policies" / "uc001"))))
    piped, seen = io.StringIO(), Terminal()
    show(lines, piped)
    show(lines, seen)
    assert "\x1b[" not in piped.getvalue()
    assert piped.getvalue().splitlines() == lines
    assert "\x1b[" in seen.getvalue()


def test_a_site_cannot_write_to_the_terminal_of_who_checks_it(tmp_path: Path) -> None:
    site = copied("uc001", tmp_path, keep_examples=False)
    wish = 'who: phone, ask: {wallbox.current: "6 A\\x1C"}, expect: "refused by \\e[2Jaway"'
    replaced(site / "90-examples.yaml", "", f"situations:\n  a: {{others: zero}}\nexamples:\n  b: {{in: a, {wish}}}\n")
    said = "".join(text(check(load(site))))
    assert [char for char in said if not char.isprintable()] == []
    assert "refused by \\x1b[2Jaway" in said


def test_a_finding_is_never_cut_short_however_much_there_is_to_say(tmp_path: Path) -> None:
    site = copied("uc001", tmp_path, keep_examples=False)
    wish = "who: phone, ask: {wallbox.current: 6 A}, expect: refused by " + "x" * 600
    replaced(site / "90-examples.yaml", "", f"situations:\n  a: {{others: zero}}\nexamples:\n  b: {{in: a, {wish}}}\n")
    assert any("x" * 600 in line and "correct the rules" in line for line in text(check(load(site))))
