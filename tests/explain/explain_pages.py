"""Writes the examples of docs/explain.md again: ``python tests/explain/explain_pages.py --write``.

Each is marked with ``<!-- explain: NAME -->`` and is what the command prints in a house that was run to that situation
(test_explain_questions.py), so an example on the page cannot say what the program does not.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "explain.md"
BLOCK = re.compile(r"<!-- explain: (\w+) -->\n```text\n(.*?)```\n", re.DOTALL)


def output(name: str) -> str:
    """What the command prints for this situation, its command line included."""
    from test_explain_questions import QUESTIONS

    from supervisor.explain.show import text

    row = next(question for question in QUESTIONS if question.__name__ == name)()
    return f"$ powerwarden explain {row.subject}\n{text(row.scene.explain(row.subject))}"


def written(page: str) -> str:
    """The page with each example as it is today."""
    return BLOCK.sub(lambda found: f"<!-- explain: {found[1]} -->\n```text\n{output(found[1])}```\n", page)


def main(words: list[str]) -> int:
    page = PAGE.read_text(encoding="utf-8")
    today = written(page)
    if today == page:
        return 0
    if words == ["--write"]:
        PAGE.write_text(today, encoding="utf-8")
        return 0
    sys.stderr.write(f"{PAGE.name} is not what the command prints; look at the change, then write it with --write\n")
    return 1


if __name__ == "__main__":
    here = Path(__file__).resolve()
    sys.path[:0] = [str(here.parents[2]), str(here.parent), str(here.parents[1] / "kernel")]
    sys.exit(main(sys.argv[1:]))
