"""Mermaid and Markdown that GitHub renders: safe ids, escaped labels, the same text for the same site.

A label may carry anything that a document says; what Mermaid would read as its own is written as a character entity.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

ENTITIES = {"#": "#35;", "&": "#amp;", '"': "#quot;", "<": "#lt;", ">": "#gt;", "`": "#96;", "[": "#91;", "]": "#93;"}
SPECIAL = re.compile("[" + re.escape("".join(ENTITIES)) + "]")


class Flow:
    """A flowchart. Things are named by their own ids; each gets an id that Mermaid cannot mistake for a word of its
    own, and two things never share one."""

    def __init__(self, direction: str = "LR") -> None:
        self._lines = [f"flowchart {direction}"]
        self._ids: dict[str, str] = {}

    def node(self, name: str, lines: Iterable[str], shape: str = "box") -> None:
        """``shape``: box, round, store or hex."""
        opened, closed = {"box": ("[", "]"), "round": ("(", ")"), "store": ("[(", ")]"), "hex": ("{{", "}}")}[shape]
        line = f'    {self._id(name)}{opened}"{label(lines)}"{closed}'
        if line not in self._lines:
            self._lines.append(line)

    def edge(self, first: str, second: str, words: str = "", dotted: bool = False) -> None:
        said = f'|"{label([words])}"|' if words else ""
        self._lines.append(f"    {self._id(first)} {'-.->' if dotted else '-->'}{said} {self._id(second)}")

    def _id(self, name: str) -> str:
        return self._ids.setdefault(name, f"n{len(self._ids)}_{re.sub(r'[^A-Za-z0-9]', '_', name)}")

    def text(self) -> str:
        return fence("\n".join(self._lines))


def fence(diagram: str) -> str:
    """A diagram as GitHub finds it."""
    return f"```mermaid\n{diagram}\n```"


def label(lines: Iterable[str]) -> str:
    """Several lines of text as one label."""
    return "<br/>".join(SPECIAL.sub(lambda match: ENTITIES[match[0]], _flat(line)) for line in lines)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table; "" where there is no row."""
    columns = list(head)
    body = ["| " + " | ".join(cell(text) for text in row) + " |" for row in rows]
    if not body:
        return ""
    return "\n".join(["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns), *body])


def cell(text: str) -> str:
    """Text that stays in its cell, and that no browser takes for markup."""
    safe = _flat(text).replace("\\", "\\\\").replace("|", "\\|").replace("&", "&amp;")
    return safe.replace("<", "&lt;").replace(">", "&gt;")


def _flat(text: str) -> str:
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
