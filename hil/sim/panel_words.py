"""The words that a house file uses for a panel's lines, as dbc/panel_gpio.yaml has them: NAME=LINE KIND WORD ...

Rules: one string for all inputs and one for all outputs, entries separated by commas; a word that is not known, a name
or a line that is taken is a ValueError that names the entry. `follows DEVICE.N` is the rig's own word: an auxiliary
contact of a contactor that hangs on a relay node. It must never share code with the product's way to read the same
words: this is the second opinion on them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import yaml

from hil.lines import LINES, Level

TABLE: dict[str, Any] = yaml.safe_load((files("dbc") / "panel_gpio.yaml").read_text("utf-8"))
_HEAD = re.compile(r"([a-z][a-z0-9_]*)=(\d+)")
_FOLLOWED = re.compile(r"([a-z][a-z0-9_]*)\.([1-8])")


@dataclass(frozen=True, slots=True)
class Input:
    """One input: a switch to a rail, closed while it is actuated, or while it is not (`normally_closed`)."""

    name: str
    line: int
    kind: str
    closed_level: Level  # of the rail that the switch goes to
    normally_closed: bool
    follows: tuple[str, int] | None  # name of a relay node, number of its contact from 1


@dataclass(frozen=True, slots=True)
class Output:
    """One output: on while its line has the level `on_level`; a coil may have its mirror contact on an input."""

    name: str
    line: int
    kind: str
    on_level: Level
    proof: str

    @property
    def off_level(self) -> Level:
        """The level that does not energise."""
        return 0 if self.on_level else 1


def read_inputs(text: str) -> tuple[Input, ...]:
    """All inputs of a panel, in their order."""
    return tuple(_input(entry, *head, words) for entry, head, words in _entries(text))


def read_outputs(text: str) -> tuple[Output, ...]:
    """All outputs of a panel, in their order."""
    return tuple(_output(entry, *head, words) for entry, head, words in _entries(text))


def check(inputs: Sequence[Input], outputs: Sequence[Output]) -> None:
    """ValueError when names or lines are used twice, or a proof is not a mirror contact of its own."""
    names = [part.name for part in inputs] + [part.name for part in outputs]
    lines = [part.line for part in inputs] + [part.line for part in outputs]
    if doubled := [f"{name!r}" for name in names if names.count(name) > 1]:
        raise ValueError(f"the name {doubled[0]} is used twice")
    if twice := [line for line in lines if lines.count(line) > 1]:
        raise ValueError(f"line {twice[0]} is used twice")
    proofs = [output.proof for output in outputs if output.proof]
    mirrors = [part.name for part in inputs if part.kind == "contact" and part.normally_closed and not part.follows]
    for proof in proofs:
        if proof not in mirrors or proofs.count(proof) > 1:
            raise ValueError(
                f"proof={proof}: wants an `nc` contact among the inputs, one for each coil, that follows nobody"
            )
    if sum(output.kind == "pulse" for output in outputs) > TABLE["outputs"]["pulse"]["most"]:
        raise ValueError("a panel has one pulse output at most")


def _entries(text: str) -> Iterator[tuple[str, tuple[str, int], list[str]]]:
    for entry in filter(None, (part.strip() for part in text.split(","))):
        head, *words = entry.split()
        found = _HEAD.fullmatch(head)
        if found is None or int(found[2]) >= LINES:
            raise ValueError(f"{entry!r}: an entry begins with NAME=LINE, LINE being 0 to {LINES - 1}")
        yield entry, (found[1], int(found[2])), words


def _input(entry: str, name: str, line: int, words: list[str]) -> Input:
    follows = None
    if "follows" in words:
        at = words.index("follows")
        found = _FOLLOWED.fullmatch("".join(words[at + 1 : at + 2]))
        if found is None:
            raise ValueError(f"{entry!r}: follows wants DEVICE.N, such as relays.1")
        follows = (found[1], int(found[2]))
        words = words[:at] + words[at + 2 :]
    kind = _take(entry, words, list(TABLE["inputs"]))
    rest = _take(entry, words, list(TABLE["rest"]), _default(TABLE["rest"]))
    wiring = _take(entry, words, list(TABLE["wiring"]), _default(TABLE["wiring"]))
    _check_nothing_left(entry, words)
    if rest not in TABLE["inputs"][kind]["contacts"]:
        raise ValueError(f"{entry!r}: a {kind} must be {' or '.join(TABLE['inputs'][kind]['contacts'])}")
    if follows is not None and kind != "contact":
        raise ValueError(f"{entry!r}: a {kind} follows nobody, only a contact does")
    closed: Level = 1 if TABLE["wiring"][wiring]["closed"] else 0
    return Input(name, line, kind, closed, TABLE["rest"][rest]["switch"] == "closed", follows)


def _output(entry: str, name: str, line: int, words: list[str]) -> Output:
    kind = _take(entry, words, list(TABLE["outputs"]))
    drive = _take(entry, words, list(TABLE["drive"]), _default(TABLE["drive"]))
    proofs = [word for word in words if word.startswith("proof=")][:1] if kind == "coil" else []
    _check_nothing_left(entry, [word for word in words if word not in proofs])
    return Output(name, line, kind, 1 if TABLE["drive"][drive]["on"] else 0, "".join(proofs).removeprefix("proof="))


def _take(entry: str, words: list[str], known: Sequence[str], default: str = "") -> str:
    """Take the one word of a group out of `words`."""
    found = [word for word in words if word in known]
    if len(found) > 1 or not (found or default):
        raise ValueError(f"{entry!r}: needs exactly one of {', '.join(known)}")
    for word in found:
        words.remove(word)
    return found[0] if found else default


def _default(group: dict[str, dict[str, object]]) -> str:
    return next(word for word, facts in group.items() if facts.get("default"))


def _check_nothing_left(entry: str, words: Sequence[str]) -> None:
    if words:
        raise ValueError(f"{entry!r}: {' '.join(words)} means nothing here")
