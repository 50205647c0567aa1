"""The pages of a site: all that was declared is on them, in the order of arbitration, and the same each time."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supervisor.cli import main
from supervisor.draw.mermaid import Flow, cell, fence, label, table
from supervisor.draw.pages import TITLES, document, files, pages
from supervisor.loader.load import load

ROOT = Path(__file__).parents[2]
SITES = ("uc001", "wallbox_phases", "rebundling", "island")
NODE = re.compile(r'(n\d+_\w*)(\["[^"]*"\]|\("[^"]*"\)|\[\("[^"]*"\)\]|\{\{"[^"]*"\}\})')
EDGE = re.compile(r'(n\d+_\w*) (?:-->|-\.->)(?:\|"[^"]*"\|)? (n\d+_\w*)')
STATE = re.compile(r'direction LR|state ".*" as \w+|\[\*\] --> \w+|\w+ --> \w+ : .*|\w+ --> \[\*\]')


@pytest.mark.parametrize("site", SITES)
def test_everything_that_was_declared_is_on_the_pages_with_its_reason(site: str) -> None:
    loaded = load(ROOT / "policies" / site)
    plan, text = loaded.plan, document(loaded)
    for target in plan.targets:
        assert target.id in text
    for device in plan.devices:
        assert f"| {device.id} |" in text
    rows = (*plan.rules, *plan.caps, *plan.circuits, *plan.mode_rules, *plan.permissions, *plan.programs, *plan.bans,
            *plan.changeovers, *plan.needs, *plan.groups, *plan.local.hands)  # fmt: skip
    for row in rows:
        assert row.id in text
        assert cell(row.why) in text, row.id


@pytest.mark.parametrize("site", SITES)
def test_a_ladder_names_its_rules_in_the_order_of_arbitration(site: str) -> None:
    plan = load(ROOT / "policies" / site).plan
    order = [
        row.id for rows in (plan.rules, plan.caps, plan.circuits, plan.changeovers, plan.mode_rules) for row in rows
    ]
    for part in pages(load(ROOT / "policies" / site))["rules"].split("### ")[1:]:
        named = [line.split(" | ")[1] for line in part.splitlines() if re.match(r"\| \d+ \|", line)]
        places = [order.index(rule.removesuffix(".curve")) for rule in named]  # a curve stands with its circuit
        assert places == sorted(places), part.splitlines()[0]


def test_the_ladder_of_the_car_says_when_how_much_until_when_and_why() -> None:
    (row,) = [
        line for line in document(load(ROOT / "policies" / "uc001")).splitlines() if "| limits.battery_low |" in line
    ]
    assert "battery.soc below 20 %, for 10 s" in row
    assert "at most 6 A" in row
    assert "after 5 min of no" in row
    assert "the last fifth of the battery belongs to the house, not to the car" in row


def test_the_permissions_say_who_what_how_much_when_and_how_long() -> None:
    text = pages(load(ROOT / "policies" / "uc001"))["permissions"]
    (row,) = [line for line in text.splitlines() if "permissions.charge_the_car" in line]
    cells = [part.strip() for part in row.strip("|").split("|")]
    assert cells[:3] == ["optimiser and phone", "wallbox.current", "0 A to 16 A"]
    assert cells[3:10] == ["", "", "yes", "yes", "yes", "", ""]
    assert "4 h" in cells


def test_the_programs_say_what_each_mode_does_and_where_only_the_safe_value_is_left() -> None:
    text = pages(load(ROOT / "policies" / "uc001"))["programs"]
    (row,) = [line for line in text.splitlines() if line.startswith("| wallbox.current |")]
    assert row == "| wallbox.current | (0 A) | (0 A) | 0 A | 0 A | 6 A | (0 A) | (0 A) |"


def test_silence_says_what_stays_energised() -> None:
    text = pages(load(ROOT / "policies" / "uc001"))["silence"]
    (row,) = [line for line in text.splitlines() if line.startswith("| wallbox.current |")]
    assert "0.5 s without a word from the guardian" in row
    (coil,) = [line for line in text.splitlines() if line.startswith("| relays.coil_1 |")]
    assert "reverts-safe after 8 s" in coil


def test_a_changeover_shows_its_positions_their_contactors_in_order_and_what_excludes_whom() -> None:
    text = pages(load(ROOT / "policies" / "island"))["changeovers"]
    assert "| island | relays.coil_3 and relays.coil_2 | wallbox.current stop (0 A) |" in text
    assert "relays.coil_2 is closed only while relays.coil_3 is closed" in text
    assert "of relays.coil_1 and relays.coil_2 at most 1 closed" in text


@pytest.mark.parametrize("site", SITES)
def test_every_diagram_keeps_to_the_small_grammar_that_a_real_parser_has_accepted(site: str) -> None:
    """The real parser (mermaid in node) is tried by hand; here each line has to be of a form that it has accepted."""
    diagrams = re.findall(r"```mermaid\n(.*?)\n```", document(load(ROOT / "policies" / site)), re.DOTALL)
    assert len(diagrams) > 5
    for diagram in diagrams:
        first, *lines = diagram.splitlines()
        if first.startswith("flowchart"):
            _flowchart(lines)
        else:
            assert first == "stateDiagram-v2"
            assert [line for line in lines if not STATE.fullmatch(line.strip())] == []


def _flowchart(lines: list[str]) -> None:
    declared = {found[1] for line in lines if (found := NODE.fullmatch(line.strip()))}
    for line in lines:
        edge = EDGE.fullmatch(line.strip())
        assert edge or NODE.fullmatch(line.strip()), line
        if edge:
            assert {edge[1], edge[2]} <= declared, line


@given(st.text(max_size=40))
@settings(derandomize=True, deadline=None, max_examples=500)
def test_no_text_breaks_out_of_a_label_or_a_cell(said: str) -> None:
    shown = label([said])
    assert not set('"<>`[]\n') & set(shown)
    row = table(("a", "b"), [(said, "end")]).splitlines()
    assert len(row) == 3
    assert re.sub(r"\\\\|\\\|", "", row[2]).count("|") == 3
    assert "<" not in row[2]


def test_things_whose_names_look_alike_stay_two_things() -> None:
    flow = Flow()
    for name in ("end", "a.b", "a_b", "a-b"):
        flow.node(name, [name])
    ids = re.findall(r"    (\w+)\[", flow.text())
    assert len(set(ids)) == 4
    assert "end" not in ids  # a word of Mermaid's own


def test_a_diagram_is_fenced_as_github_finds_it() -> None:
    assert fence("flowchart LR").splitlines() == ["```mermaid", "flowchart LR", "```"]


@pytest.mark.parametrize("seed", ["1", "2"])
def test_the_same_site_gives_the_same_bytes_whatever_the_hash_seed(seed: str) -> None:
    here = hashlib.sha256(document(load(ROOT / "policies" / "wallbox_phases")).encode()).hexdigest()
    code = (
        "import hashlib; from pathlib import Path; from supervisor.loader.load import load;"
        "from supervisor.draw.pages import document;"
        "print(hashlib.sha256(document(load(Path('policies/wallbox_phases'))).encode()).hexdigest())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == here, done.stderr


def test_with_a_folder_each_page_is_a_file_and_the_index_leads_to_all(tmp_path: Path) -> None:
    assert main(["draw", str(ROOT / "policies" / "island"), "--out", str(tmp_path / "pages")]) == 0
    index = (tmp_path / "pages" / "README.md").read_text()
    links = re.findall(r"\]\((\w+\.md)\)", index)
    assert links == [f"{name}.md" for name in TITLES]
    assert all((tmp_path / "pages" / link).read_text().startswith("# ") for link in links)
    assert files(load(ROOT / "policies" / "island"))["README.md"] == index


def test_without_a_folder_one_document_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["draw", str(ROOT / "policies" / "uc001")]) == 0
    printed = capsys.readouterr().out
    assert [line for line in printed.splitlines() if line.startswith("## ")] == [
        f"## {title}" for title in TITLES.values()
    ]


def test_a_folder_that_cannot_be_written_is_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["draw", str(ROOT / "policies" / "uc001"), "--out", str(tmp_path / "file")]) == 2
    assert "cannot write to" in capsys.readouterr().err


def test_a_site_that_does_not_load_says_where_and_draws_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["draw", str(tmp_path)]) == 2
    assert capsys.readouterr().out == ""
