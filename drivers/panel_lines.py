"""What stands on the lines of a panel: the two option strings of a site, read with the words of dbc/panel_gpio.yaml.

Rules
* One piece per line of GPIO, ``name=number kind words``, pieces separated by commas. A word that the table does not
  know, a line or a name given twice, a stop that is not normally closed: each is a ValueError whose text quotes the
  piece and says what to write instead.
* A level is electrical, as seen at the pin. Here alone is it turned into a code, and a wish into a level.
* A contact's code tells the MAIN contact: a mirror contact (``nc``) is closed while the main contact is open.

This file must never know what time it is or what a line's level is now.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.resources import files
from typing import Any

import yaml

from drivers.contract import Direction, Line, Pull
from drivers.units import SafeLoader, TableError, duration_ms

STEM = "panel_gpio"
_PIECE = re.compile(r"([a-z][a-z0-9_]{0,30})=([0-9]{1,3})((?: +[^ ]+)+)")


@dataclass(frozen=True)
class Input:
    """A switch on a line. ``closed``: the level of a closed switch. ``resting``: whether it is closed at rest."""

    name: str
    number: int
    kind: str
    closed: int
    pull: Pull
    resting: bool
    rest: int
    actuated: int
    codes: Mapping[int, str]

    def code(self, level: int) -> int:
        """What this level of the pin means."""
        return self.rest if (level == self.closed) == self.resting else self.actuated

    def line(self) -> Line:
        return Line(self.number, Direction.IN, self.pull)


@dataclass(frozen=True)
class Output:
    """A coil, a lamp or the permit's pulse. ``on``: the level that energises. ``proof``: a coil's mirror contact."""

    name: str
    number: int
    kind: str
    on: int
    proof: str | None

    def level(self, energised: bool) -> int:
        return self.on if energised else 1 - self.on

    def line(self) -> Line:
        """Claimed de-energised, in one step."""
        return Line(self.number, Direction.OUT, initial=self.level(energised=False))


@dataclass(frozen=True)
class Panel:
    """All lines of one device. ``pulse`` is the permit's line, which nobody but the driver's ``say`` moves."""

    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]

    @cached_property
    def pulse(self) -> Output | None:
        return next((output for output in self.outputs if output.kind == "pulse"), None)

    @cached_property
    def told(self) -> tuple[Output, ...]:
        """The outputs that the kernel sets."""
        return tuple(output for output in self.outputs if output.kind != "pulse")

    def lines(self) -> tuple[Line, ...]:
        return (*(part.line() for part in self.inputs), *(part.line() for part in self.outputs))


# ---- the table ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Table:
    """dbc/panel_gpio.yaml. Words -> what they mean; ``default``: the word that may be left out."""

    last_line: int
    wiring: Mapping[str, Any]
    rest: Mapping[str, Any]
    inputs: Mapping[str, Any]
    drive: Mapping[str, Any]
    outputs: Mapping[str, Any]
    sample_ms: int
    gap_ms: int
    debounce_ms: int
    debounce_most_ms: int
    chatter: int
    repeat_ms: int
    age_ms: int
    travel_ms: int
    pulse_ms: int
    permit_ms: tuple[int, int]


@lru_cache
def table() -> Table:
    """The table, checked as far as this file relies on it. Raises TableError."""
    where = f"dbc/{STEM}.yaml"
    raw = yaml.load(files("dbc").joinpath(f"{STEM}.yaml").read_text(encoding="utf-8"), SafeLoader)
    try:
        return _table(raw, where)
    except (KeyError, TypeError, ValueError) as error:
        raise TableError(f"{where}: {error!r}") from None


def _table(raw: Mapping[str, Any], where: str) -> Table:
    for name, kind in raw["inputs"].items():
        if set(kind["codes"]) != {kind["rest"], kind["actuated"]} or not set(kind["contacts"]) <= set(raw["rest"]):
            raise ValueError(f"{name}: its codes or contacts do not fit")
    for name, wires in raw["wiring"].items():
        if {wires["open"], wires["closed"]} != {0, 1}:
            raise ValueError(f"{name}: open and closed are not two levels")
    for name, levels in raw["drive"].items():
        if {levels["off"], levels["on"]} != {0, 1}:
            raise ValueError(f"{name}: off and on are not two levels")
    return Table(
        last_line=int(raw["lines"][1]),
        wiring=raw["wiring"],
        rest=raw["rest"],
        inputs=raw["inputs"],
        drive=raw["drive"],
        outputs=raw["outputs"],
        sample_ms=duration_ms(raw["sample"], where),
        gap_ms=duration_ms(raw["gap"], where),
        debounce_ms=duration_ms(raw["debounce"]["default"], where),
        debounce_most_ms=int(raw["debounce"]["range"][1]),
        chatter=int(raw["chatter"]),
        repeat_ms=duration_ms(raw["repeat"], where),
        age_ms=duration_ms(raw["max_age"], where),
        travel_ms=duration_ms(raw["outputs"]["coil"]["travel"], where),
        pulse_ms=duration_ms(raw["outputs"]["pulse"]["period"], where),
        permit_ms=(int(raw["permit"]["range"][0]), int(raw["permit"]["range"][1])),
    )


# ---- the option strings -------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class _Piece:
    """One piece of an option. ``words`` are what follows the kind."""

    option: str
    text: str
    name: str
    number: int
    kind: str
    words: tuple[str, ...]

    def error(self, message: str) -> ValueError:
        return ValueError(f"{self.option}: '{self.text}': {message}")


@lru_cache
def read(inputs: str, outputs: str) -> Panel:
    """The panel that these two options describe. Raises ValueError."""
    sensed = tuple(_input(piece) for piece in _pieces("inputs", inputs, table().inputs))
    if not sensed:
        raise ValueError(
            "inputs: name at least one line, such as 'estop=5 stop nc'; nothing else shows that it is there"
        )
    driven = [(piece, _output(piece)) for piece in _pieces("outputs", outputs, table().outputs)]
    _each_line_once(inputs, outputs)
    _proofs(driven, sensed)
    panel = Panel(sensed, tuple(output for _, output in driven))
    _one_pulse(driven, panel)
    return panel


def _pieces(option: str, text: str, kinds: Mapping[str, Any]) -> Iterator[_Piece]:
    for part in text.split(",") if text.strip() else ():
        match = _PIECE.fullmatch(part.strip())
        if match is None:
            raise ValueError(
                f"{option}: '{part.strip()}': is not 'name=number kind', such as 'aux_1=19 contact nc'; separate pieces"
                " with commas, put no space around '=', and begin a name with a small letter"
            )
        kind, *words = match[3].split()
        piece = _Piece(option, part.strip(), match[1], int(match[2]), kind, tuple(words))
        if kind not in kinds:
            raise piece.error(f"no kind '{kind}' among {option}; use one of {', '.join(kinds)}")
        if piece.number > table().last_line:
            raise piece.error(f"no line {piece.number}; use a GPIO (BCM) number from 0 to {table().last_line}")
        yield piece


def _each_line_once(inputs: str, outputs: str) -> None:
    names: set[str] = set()
    numbers: dict[int, str] = {}
    for option, text, kinds in (("inputs", inputs, table().inputs), ("outputs", outputs, table().outputs)):
        for piece in _pieces(option, text, kinds):
            if piece.name in names:
                raise piece.error(f"the name '{piece.name}' is given twice; give each line its own")
            if piece.number in numbers:
                raise piece.error(f"line {piece.number} is already '{numbers[piece.number]}'; each line is one thing")
            names.add(piece.name)
            numbers[piece.number] = piece.name


def _choice(piece: _Piece, among: Mapping[str, Any]) -> str:
    """The word of ``among`` that the piece has, or the one that may be left out."""
    given = [word for word in piece.words if word in among]
    if len(given) > 1:
        raise piece.error(f"says both {' and '.join(given)}; keep one")
    return given[0] if given else next(word for word, meaning in among.items() if meaning.get("default"))


def _only(piece: _Piece, words: Sequence[str], known: Sequence[str]) -> None:
    for word in words:
        if word not in known:
            raise piece.error(f"'{word}' means nothing here; use {', '.join(known)}")


def _input(piece: _Piece) -> Input:
    words, kind = table(), table().inputs[piece.kind]
    _only(piece, piece.words, (*words.rest, *words.wiring))
    rest, wires = _choice(piece, words.rest), words.wiring[_choice(piece, words.wiring)]
    if rest not in kind["contacts"]:
        raise piece.error(
            f"a {piece.kind} must be normally closed, so that a broken wire reads as"
            f" {kind['codes'][kind['actuated']]}; wire it so and write 'nc'"
        )
    closed = words.rest[rest]["switch"] == "closed"
    codes = {"rest": kind["rest"], "actuated": kind["actuated"], "codes": kind["codes"]}
    return Input(piece.name, piece.number, piece.kind, wires["closed"], Pull(wires["pull"]), closed, **codes)


def _output(piece: _Piece) -> Output:
    drive = table().drive
    proofs = [word for word in piece.words if word.startswith("proof=")]
    _only(piece, [word for word in piece.words if word not in proofs], tuple(drive))
    on = drive[_choice(piece, drive)]["on"]
    if bool(proofs) != (piece.kind == "coil") or len(proofs) > 1:
        remedy = "name its mirror contact, once, such as 'proof=aux_1'" if piece.kind == "coil" else "leave it out"
        raise piece.error(f"only a coil has a proof, and each has one; {remedy}")
    return Output(piece.name, piece.number, piece.kind, on, proofs[0].removeprefix("proof=") if proofs else None)


def _proofs(driven: Sequence[tuple[_Piece, Output]], inputs: Sequence[Input]) -> None:
    """A broken wire of a mirror contact reads as a closed main contact; one that is ``no`` would prove it open."""
    mirrors = {part.name for part in inputs if part.kind == "contact" and part.resting}
    used: set[str] = set()
    for piece, output in driven:
        if output.proof is None:
            continue
        if output.proof not in mirrors:
            raise piece.error(
                f"'{output.proof}' is no mirror contact among the inputs; a proof is a line such as"
                f" '{output.proof}=19 contact nc', closed while the main contact is open"
            )
        if output.proof in used:
            raise piece.error(f"'{output.proof}' already proves another coil; each contactor has a contact of its own")
        used.add(output.proof)


def _one_pulse(driven: Sequence[tuple[_Piece, Output]], panel: Panel) -> None:
    pulses = [piece for piece, output in driven if output.kind == "pulse"]
    if len(pulses) > 1:
        raise pulses[1].error("a panel has one permit; leave the second pulse out")
    if pulses and not panel.told:
        raise pulses[0].error("nothing is ever said to a panel without a coil or lamp; add the coils that it permits")
