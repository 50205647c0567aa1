"""walk.json: what a walk has found, with the digest of the documents for which it holds.

Rules
* The record holds for exactly these documents: one letter more in them, and it is no proof any more.
* It is written whole or not at all. A record that cannot be read proves nothing, and says so.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from supervisor.walk.course import Walk
from supervisor.walk.evidence import Evidence
from supervisor.walk.result import Row, Status, verdict

NAME = "walk.json"
SIZE_MAX = 10_000_000  # bytes
DIGITS = 3


def record(walk: Walk, found: tuple[Row, ...], about: Mapping[str, str]) -> dict[str, Any]:
    """``about``: site, digest, the time, who walked and at which address."""
    return {
        **about,
        "verdict": verdict(found).value,
        "rows": [{"subject": row.subject, "status": row.status.value, "text": row.text} for row in found],
        "steps": [_evidence(seen, walk) for seen in walk.evidence],
    }


def _evidence(seen: Evidence, walk: Walk) -> dict[str, Any]:
    names = [name for group in walk.house.groups for place in group.places for name in (place.current, place.power)]
    names += [name for load in walk.house.loads for name in (*load.own, load.power)]
    windows = (seen.before, seen.during, seen.after)
    shown = {
        name: [round(window.means[name], DIGITS) if name in window.means else None for window in windows]
        for name in dict.fromkeys(name for name in names if name is not None)
    }
    return {"step": seen.title, "restless": list(seen.restless), "before_during_after": shown}


def write(path: Path, words: Mapping[str, Any]) -> None:
    """OSError when it cannot be written; what was there before is then still there."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(json.dumps(words, indent=2, ensure_ascii=False) + "\n", "utf-8")
    os.replace(part, path)


# ---- for `powerwarden check` -----------------------------------------------------------------------------------------
def lacks(site_digest: str, folder: Path) -> str:
    """Why the record beside site.yaml does not prove these documents; "" when it does."""
    path = folder / NAME
    try:
        with path.open("rb") as file:
            words = json.loads(file.read(SIZE_MAX))
        digest, said, rows = str(words["digest"]), str(words["verdict"]), list(words["rows"])
    except FileNotFoundError:
        return f"no {NAME} lies beside site.yaml"
    except (OSError, ValueError, KeyError, TypeError):
        return f"{NAME} beside site.yaml cannot be read as a record of a walk"
    if digest != site_digest:
        return f"{NAME} beside site.yaml is of other documents than these"
    if said != Status.PROVEN.value:
        return f"the walk of {words.get('at', 'then')} ended with '{said}': {_first(rows)}"
    return ""


def _first(rows: Sequence[Any]) -> str:
    """The first row that is wrong or open."""
    for row in rows:
        if isinstance(row, dict) and row.get("status") in (Status.WRONG.value, Status.OPEN.value):
            return f"{row.get('subject')}: {row.get('text')}"
    return "nothing was walked"
