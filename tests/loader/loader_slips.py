"""A slip of a person's hand in a document, made on a copy of the example site, and what ``check`` then says of it.

Rules
* A slip changes one thing: ``old``, which stands in the file exactly once, becomes ``new``.
* The line that the error must name is the one where the change begins, unless the new text carries ``HERE`` or ``at``
  tells another line. It is counted here, by other means than the loader's.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from supervisor.cli import main

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "policies" / "uc001"
SITE, LIMITS, HOUSE = "site.yaml", "10-limits.yaml", "20-house.yaml"
HERE = "# HERE"


@dataclass(frozen=True)
class Slip:
    """``says``: words that the error must contain: what is wrong, and the remedy or what is known."""

    file: str
    old: str
    new: str
    says: tuple[str, ...]
    at: str = ""


def slip(name: str, file: str, old: str, new: str, *says: str, at: str = "") -> object:
    """A case for ``parametrize``."""
    return pytest.param(Slip(file, old, new, says, at), id=name)


def copy_of_example(folder: Path) -> Path:
    """A copy of the example site in ``folder``, free to be spoilt."""
    return Path(shutil.copytree(EXAMPLE, folder / "house"))


def make(wrong: Slip, site: Path) -> int:
    """Make the slip in the copy ``site``; returns the line, from 1, that an error has to name."""
    path = site / wrong.file
    text = path.read_text("utf-8")
    if text.count(wrong.old) != 1:
        raise LookupError(f"{wrong.old!r} stands {text.count(wrong.old)} times in {wrong.file}, not once")
    begins = text.count("\n", 0, text.index(wrong.old)) + 1
    text = text.replace(wrong.old, wrong.new)
    path.write_text(text, "utf-8")
    mark = wrong.at or (HERE if HERE in wrong.new else "")
    return line_of(mark, text) if mark else begins


def line_of(words: str, text: str) -> int:
    """The one line, from 1, that ``words`` stand on."""
    found = [number for number, line in enumerate(text.splitlines(), 1) if words in line]
    if len(found) != 1:
        raise LookupError(f"{words!r} stands on the lines {found}, not on one")
    return found[0]


def complaint(site: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """What ``powerwarden check`` says of a site that it must refuse: one line on stderr and nothing else."""
    capsys.readouterr()
    code = main(["check", str(site)])
    out, err = capsys.readouterr()
    assert code == 2
    assert out == ""
    assert err.endswith("\n")
    assert err.count("\n") == 1
    assert err.startswith("powerwarden: ")
    assert "Traceback" not in err
    return err.removeprefix("powerwarden: ").rstrip("\n")


def refused(wrong: Slip, site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Make the slip; ``check`` must refuse the site at the right line and say what is wrong."""
    line = make(wrong, site)
    said = complaint(site, capsys)
    assert said.startswith(f"{site / wrong.file}:{line}: "), said
    for words in wrong.says:
        assert words in said
