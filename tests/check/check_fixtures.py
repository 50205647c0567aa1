"""Deliberately broken sites, each as the edits that break it, and what ``powerwarden check`` has to say of them.

A fixture is ``broken/NN_name/edits.yaml``:

* ``base``: a site of policies/, copied. ``edits``: in ``file`` the text ``old``, which stands there exactly once,
  becomes ``new``; a file that is not there is made. ``examples: kept`` leaves the base's examples in, else they go.
* ``exit``: the exit code of ``check``. ``file``, ``line``: the place that must be named; ``line`` is text of that line
  (the first one behind ``after``, where that is said), so that fixtures outlive edits further up. ``says``: words.
* ``finds``: the id of the finding, none where the site must not even load. ``also``: ids that inevitably come with it.

Lines are counted here, by other means than the loader's.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
BROKEN = Path(__file__).with_name("broken")
SITES = ("island", "rebundling", "uc001", "wallbox_phases")


@dataclass(frozen=True)
class Broken:
    name: str
    base: str
    edits: tuple[dict[str, str], ...]
    exit: int
    file: str
    line: str
    says: str
    finds: str = ""
    after: str = ""
    also: tuple[str, ...] = ()
    examples: str = ""

    def make(self, folder: Path) -> tuple[Path, int]:
        """The broken site in ``folder``, and the line, from 1, that must be named."""
        site = copied(self.base, folder, keep_examples=bool(self.examples))
        for edit in self.edits:
            replaced(site / edit["file"], edit["old"], edit["new"])
        return site, self._line((site / self.file).read_text("utf-8").splitlines())

    def _line(self, lines: list[str]) -> int:
        start = next(i for i, line in enumerate(lines) if self.after in line)
        found = [number for number, line in enumerate(lines[start:], start + 1) if self.line in line]
        if not found or (len(found) > 1 and not self.after):
            raise LookupError(f"{self.name}: {self.line!r} stands on the lines {found}")
        return found[0]


def copied(name: str, folder: Path, keep_examples: bool = True) -> Path:
    """A copy of a site of policies/, with or without what stands in it to be tried out."""
    site = Path(shutil.copytree(ROOT / "policies" / name, folder / name))
    if not keep_examples:
        for path in site.glob("*.yaml"):
            text = path.read_text("utf-8")
            path.write_text(text.partition("\nsituations:\n")[0], "utf-8")
    return site


def replaced(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8") if path.exists() else ""
    if old and text.count(old) != 1:
        raise LookupError(f"{old!r} stands {text.count(old)} times in {path.name}, not once")
    path.write_text(text.replace(old, new) if old else text + new, "utf-8")


def fixtures() -> list[Broken]:
    """All of them, in the order of their names."""
    return [_read(path) for path in sorted(BROKEN.glob("*/edits.yaml"))]


def _read(path: Path) -> Broken:
    given: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    given["edits"], given["also"] = tuple(given["edits"]), tuple(given.get("also", ()))
    return Broken(name=path.parent.name, **given)
