"""Files that are no documents: each is refused in one line, at once, and nothing of them reaches the terminal raw."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from loader_slips import EXAMPLE, HOUSE, LIMITS, SITE, Slip, complaint, copy_of_example, make

from supervisor.loader.documents import DEPTH_MAX, MESSAGE_MAX, SIZE_MAX
from supervisor.loader.load import load

CONTENTS = [
    pytest.param(b"", 1, "is empty; write something into it or remove it", id="an empty file"),
    pytest.param(b"# later\n\n", 1, "is empty", id="a file of comments"),
    pytest.param(b"limits:\n\tfuse: 1 A\n", 2, "indent with spaces", id="a tab"),
    pytest.param(b"limits:\n  a: {why: [\n", 3, "is not YAML", id="a bracket that nobody closes"),
    pytest.param(b'limits:\n  a: "why\n', 3, "is not YAML", id="a quote that nobody closes"),
    pytest.param(b"limits:\n  a: b: c\n", 2, "is not YAML", id="two colons"),
    pytest.param(b"limits:\n    a: 1\n  b: 2\n", 3, "is not YAML", id="an odd indentation"),
    pytest.param(b"caps:\n  a: &x 1\n", 2, "anchors and aliases are not used here; write it out", id="an anchor"),
    pytest.param(b"caps: *x\n", 1, "anchors and aliases are not used here", id="an alias to nothing"),
    pytest.param(b"caps:\n  <<: {a: 1}\n", 2, "'<<' is no name", id="a merge"),
    pytest.param(b"caps:\n  ? [a, b]\n  : c\n", 2, "a key must be a plain name", id="a key that is a list"),
    pytest.param(b"caps: {}\n---\ncaps: {}\n", 2, "is not YAML", id="two documents in one file"),
    pytest.param(b"- limits\n", 1, "expected a mapping here", id="a list"),
    pytest.param(b"limits\n", 1, "expected a mapping here", id="a single word"),
    pytest.param(
        b"caps: !!python/object/apply:os.system [ls]\n", 1, "expected a mapping", id="a tag that wants to run"
    ),
    pytest.param(b"caps:\n# \x00\n", 2, "a character that no text has", id="a zero byte"),
    pytest.param(b"\x7fELF\n\x01\x02\xff", 2, "is not UTF-8", id="a program"),
    pytest.param(b"caps:\n# caf\xe9\n", 2, "save it as UTF-8 text", id="Latin-1"),
    pytest.param("caps: {}\n".encode("utf-16"), 1, "save it as UTF-8 text", id="UTF-16"),
    pytest.param(b"caps: " + b"[" * 5000, 1, f"is nested deeper than {DEPTH_MAX}", id="five thousand brackets"),
    pytest.param(b"#" * (SIZE_MAX + 1), 1, "is larger than 1000000 bytes", id="a megabyte"),
]


@pytest.mark.parametrize(("content", "line", "words"), CONTENTS)
def test_what_is_no_document_is_refused_at_its_line(
    content: bytes, line: int, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = copy_of_example(tmp_path)
    (site / LIMITS).write_bytes(content)
    said = complaint(site, capsys)
    assert said.startswith(f"{site / LIMITS}:{line}: ")
    assert words in said


@pytest.mark.parametrize("content", [b"", b"\xff", b"- site\n", b"site: [\n", b"site: x\n"])
def test_a_site_document_that_is_none_is_refused(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = copy_of_example(tmp_path)
    (site / SITE).write_bytes(content)
    assert complaint(site, capsys).startswith(f"{site / SITE}:")


def test_an_alias_bomb_is_refused_before_it_goes_off(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    levels = [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 20)]
    site = copy_of_example(tmp_path)
    (site / LIMITS).write_text("\n".join(["caps: &l0 {}", *levels]), "utf-8")
    started_s = time.monotonic()
    assert complaint(site, capsys).startswith(f"{site / LIMITS}:1: anchors and aliases are not used here")
    assert time.monotonic() - started_s < 5


@pytest.mark.parametrize("name", ["30-more.yml", "30-more.YAML", "SITE.YML"])
def test_a_document_that_would_be_passed_over_is_refused(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = copy_of_example(tmp_path)
    (site / name).write_text("limits: {}\n", "utf-8")
    assert f"{site / name}:1: would be passed over; name it {Path(name).stem}.yaml" in complaint(site, capsys)


def test_a_folder_with_the_name_of_a_document_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = copy_of_example(tmp_path)
    (site / "30-more.yaml").mkdir()
    assert complaint(site, capsys) == f"{site / '30-more.yaml'}:1: cannot be read: Is a directory"


def test_a_folder_without_a_site_document_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = copy_of_example(tmp_path)
    (site / SITE).unlink()
    assert complaint(site, capsys) == f"{site / SITE}:1: is not there; a site is a folder with a site.yaml in it"


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "is not there; a site is a folder" in complaint(tmp_path / "nowhere", capsys)


def test_a_file_in_place_of_the_folder_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert "is not there; a site is a folder" in complaint(EXAMPLE / SITE, capsys)


def test_a_link_to_nothing_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = copy_of_example(tmp_path)
    (site / "30-more.yaml").symlink_to("nowhere")
    assert "cannot be read: No such file" in complaint(site, capsys)


@pytest.mark.parametrize("value", [r'"a\nb"', r'"\e[2Jcleared"', r'"\rover"', r'"\u202eevil"', r'"\U0001F600\u2028x"'])
def test_a_value_cannot_command_the_terminal_or_fake_a_second_line(
    value: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = copy_of_example(tmp_path)
    make(Slip(SITE, "driver: goe_modbus", f"driver: {value}", ()), site)
    said = complaint(site, capsys)
    assert said.isprintable()
    assert "there is no driver" in said


def test_a_long_value_does_not_bury_the_remedy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = copy_of_example(tmp_path)
    make(Slip(SITE, "driver: goe_modbus", f"driver: {'x' * 100_000}", ()), site)
    said = complaint(site, capsys).removeprefix(str(site / SITE))
    assert len(said) < MESSAGE_MAX + 20
    assert "known here: goe_modbus, panel_gpio" in said


def test_a_byte_order_mark_and_line_ends_of_another_system_are_read(tmp_path: Path) -> None:
    site = copy_of_example(tmp_path)
    for name in (SITE, LIMITS, HOUSE):
        text = (site / name).read_bytes()
        (site / name).write_bytes(b"\xef\xbb\xbf" + text.replace(b"\n", b"\r\n"))
    assert len(load(site).plan.rules) == len(load(EXAMPLE).plan.rules)


def test_a_policy_document_may_be_missing_but_what_it_permitted_is_gone(tmp_path: Path) -> None:
    site = copy_of_example(tmp_path)
    (site / HOUSE).unlink()
    assert load(site).plan.permissions == ()
