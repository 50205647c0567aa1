"""A condition over facts: ``max(plant.grid_a) <= 35 and not relays.closed[2]``, read once and asked often.

Grammar: facts DEVICE.NAME and plant.NAME, an entry of a list NAME[n] counted from 1, numbers, 'texts', true and false,
+ - * /, comparisons (chained as well), and, or, not, and the functions of :data:`FUNCTIONS`.
Rules
* The text is taken apart by Python's ``ast`` and put together again from a list of what is allowed; nothing is ever
  executed that is not on it. What is read becomes nested functions, so that asking costs about a microsecond.
* With ``sample``, the facts that a house begins with, every name and every comparison is checked when it is read: a
  switch is no number, a text is compared with a text, and a list has so many entries.
* What cannot be measured (a fact that is not there, not a number, a division by zero) is an Unmeasured, a KeyError:
  it is neither true nor false.

It must never import the product, and never guess a fact.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from hil.scenario.document import near
from hil.scenario.measure import (
    ARITHMETIC,
    COMPARE,
    FUNCTIONS,
    NUMBER,
    Get,
    Margin,
    Unmeasured,
    apart,
    asked,
    both,
    compared,
    either,
    inside,
    no_margin,
)
from hil.scenario.model import Condition, Fact, Facts
from hil.unix_socket import RigError

TEXT_MAX = 1000  # characters: a condition that is longer is a mistake, or an attack on the parser
NUMBER_MAX = 1e15  # and 1e999 would be infinite
TRUTH, TEXT, UNKNOWN = "true or false", "a text", "unknown"
LISTS = {"a list of numbers": NUMBER, "a list of true and false": TRUTH, "a list": UNKNOWN}


@dataclass(frozen=True)
class Part:
    """A piece that has been read. ``kind``: what it is, for the checks and for messages."""

    text: str
    kind: str
    get: Get


_SLIPS = (  # what people write who write another language as well
    (re.compile(r"(?<![=!<>])=(?!=)"), "`=` compares nothing here; write `==`"),
    (re.compile(r"&&?"), "`&` is not known here; write `and`"),
    (re.compile(r"\|\|?"), "`|` is not known here; write `or`"),
    (re.compile(r"!(?!=)"), "`!` is not known here; write `not`"),
    (re.compile(r"<>"), "`<>` is not known here; write `!=`"),
    (re.compile(r"\b(AND|OR|NOT)\b"), "write `and`, `or`, `not` in small letters"),
)


def condition(text: str, sample: Facts | None = None) -> Condition:
    """``text`` as a condition. RigError names the piece that is wrong and what would be right; whoever knows the file
    and the line puts them before it."""
    reader = _Reader(" ".join(text.split()), sample)
    try:
        whole, margin = reader.read()
    except RecursionError:
        raise RigError(f"{reader.text[:60]!r}... is too deep to be read; make it two") from None
    return Condition(reader.text, frozenset(reader.names), asked(whole.get), margin)


def kind_of(fact: Fact) -> str:
    """What a fact is, in the words of the checks."""
    if isinstance(fact, bool):
        return TRUTH
    if isinstance(fact, int | float):
        return NUMBER
    if isinstance(fact, str):
        return TEXT
    kinds = {kind_of(entry) for entry in fact if isinstance(entry, bool | int | float)}
    whole = len(kinds) == 1 and all(isinstance(entry, bool | int | float) for entry in fact)
    return next((name for name, inner in LISTS.items() if whole and inner in kinds), "a list")


class _Reader:
    """One condition; ``names`` fills while it is read."""

    def __init__(self, text: str, sample: Facts | None) -> None:
        self.text, self._sample = text, sample
        self.names: set[str] = set()

    def read(self) -> tuple[Part, Callable[[Facts], Margin | None]]:
        tree = self._parse()
        whole = self._part(tree)
        self._must(whole, TRUTH, "compare it with something, such as `{} <= 35`")
        if not self.names:
            raise RigError(f"{self.text!r} asks for no fact, so it is always the same; name one, such as plant.grid_w")
        if isinstance(tree, ast.Compare) and len(tree.ops) == 1:
            return whole, self._margin(tree)
        return whole, no_margin

    def _parse(self) -> ast.expr:
        if len(self.text) > TEXT_MAX:
            raise RigError(f"a condition has at most {TEXT_MAX} characters; make it two")
        bare = re.sub(r"'[^']*'|\"[^\"]*\"", "''", self.text)
        for slip, remedy in _SLIPS:
            if slip.search(bare):
                raise RigError(f"{self.text!r}: {remedy}")
        try:
            return ast.parse(self.text, mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            what = error.msg if isinstance(error, SyntaxError) else "too deep"
            at = (error.offset or 1) if isinstance(error, SyntaxError) else 1
            raise RigError(f"{self.text!r} cannot be read near {self.text[max(0, at - 1) :][:20]!r}: {what}") from None

    def _said(self, node: ast.expr) -> str:
        return ast.get_source_segment(self.text, node) or self.text

    def _part(self, node: ast.expr) -> Part:
        """The piece under a node, or a RigError that names it."""
        said = self._said(node)
        match node:
            case ast.Attribute(value=ast.Name(id=device), attr=name):
                return self._fact(f"{device}.{name}")
            case ast.Subscript(value=ast.Attribute() as fact, slice=ast.Constant(value=int() as at)):
                return self._entry(self._part(fact), said, at)
            case ast.Constant() | ast.Name():
                return self._constant(node, said)
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
                return self._call(name, args, said)
            case ast.BinOp(op=ast.Div(), right=ast.Constant(value=0)):
                raise RigError(f"{said!r} divides by zero, so it could never be measured")
            case ast.BinOp(left=left, op=op, right=right) if type(op) in ARITHMETIC:
                return self._arithmetic(ARITHMETIC[type(op)], self._number(left), self._number(right), said)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                inner = self._number(operand).get
                return Part(said, NUMBER, lambda facts: -inner(facts))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                answer = self._truth(operand).get
                return Part(said, TRUTH, lambda facts: not answer(facts))
            case ast.BoolOp(op=op, values=values):
                return self._joined(isinstance(op, ast.And), [self._truth(value) for value in values], said)
            case ast.Compare():
                return self._comparison(node, said)
        raise RigError(
            f"{said!r} is not known here; there are facts, numbers, 'texts', + - * /, comparisons, and, or, not, and "
            f"{', '.join(f'{name}()' for name in FUNCTIONS)}"
        )

    # -- facts and constants --

    def _fact(self, name: str) -> Part:
        self.names.add(name)
        if self._sample is None:
            return Part(name, UNKNOWN, operator.itemgetter(name))
        if name not in self._sample:
            raise RigError(f"there is no fact {name!r}{_known(name, self._sample)}")
        return Part(name, kind_of(self._sample[name]), operator.itemgetter(name))

    def _entry(self, whole: Part, said: str, at: int) -> Part:
        if isinstance(at, bool) or at < 1:
            raise RigError(f"{said!r}: entries are counted from 1, so the first is {whole.text}[1]")
        kind = LISTS.get(whole.kind, UNKNOWN)
        if self._sample is not None:
            listed = self._sample[whole.text]
            if not isinstance(listed, list):
                raise RigError(f"{said!r}: {whole.text} is {whole.kind} and has no entries; leave [{at}] away")
            if kind != UNKNOWN and at > len(listed):
                raise RigError(f"{said!r}: {whole.text} has the entries 1 to {len(listed)}")
        get = whole.get

        def entry(facts: Facts) -> object:
            listed = get(facts)
            if at > len(listed):
                raise Unmeasured(f"{whole.text} has {len(listed)} entries, and no [{at}]")
            return listed[at - 1]

        return Part(said, kind, entry)

    def _constant(self, node: ast.expr, said: str) -> Part:
        value = node.value if isinstance(node, ast.Constant) else {"true": True, "false": False}.get(said)
        if value is None:
            raise RigError(
                f"{said!r} is a name without a dot: a fact is DEVICE.NAME or plant.NAME{_named(said, self._sample)}; "
                f"a text stands in quotes ('{said}')"
            )
        if not isinstance(value, bool | int | float | str):
            raise RigError(f"{said!r} is not known here; there are numbers, 'texts', true and false")
        if not isinstance(value, str) and not abs(value) <= NUMBER_MAX:
            raise RigError(
                f"{said[:20]!r}: nothing in a house is as much, so this would never fail; write a real limit"
            )
        return Part(said, kind_of(value), lambda _facts: value)

    # -- what is computed --

    def _call(self, name: str, args: list[ast.expr], said: str) -> Part:
        if name not in FUNCTIONS:
            raise RigError(f"there is no function {name!r}{near(name, FUNCTIONS)} (there are {', '.join(FUNCTIONS)})")
        takes, function, _ = FUNCTIONS[name]
        if len(args) != 1:
            raise RigError(f"{said!r}: {name}() takes {takes}, and nothing else")
        inner = self._part(args[0])
        if inner.kind != UNKNOWN and inner.kind != takes and not (takes == "a list" and inner.kind in LISTS):
            raise RigError(f"{said!r}: {name}() takes {takes}, and {inner.text} is {inner.kind}")
        get = inner.get
        return Part(said, NUMBER, lambda facts: function(get(facts)))

    def _arithmetic(self, compute: Callable[[Any, Any], float], left: Part, right: Part, said: str) -> Part:
        first, second = left.get, right.get
        return Part(said, NUMBER, lambda facts: compute(first(facts), second(facts)))

    def _number(self, node: ast.expr) -> Part:
        return self._must(self._part(node), NUMBER, "only numbers are computed with; try total(), max() or count()")

    def _truth(self, node: ast.expr) -> Part:
        return self._must(self._part(node), TRUTH, "compare it with something, such as `{} <= 35`")

    def _must(self, part: Part, kind: str, remedy: str) -> Part:
        if part.kind not in (kind, UNKNOWN):
            raise RigError(f"{part.text!r} is {part.kind}, not {kind}; {remedy.format(part.text)}")
        return part

    def _joined(self, every: bool, parts: list[Part], said: str) -> Part:
        return Part(said, TRUTH, both([part.get for part in parts]) if every else either([part.get for part in parts]))

    # -- comparisons --

    def _comparison(self, node: ast.Compare, said: str) -> Part:
        parts = [self._part(side) for side in (node.left, *node.comparators)]
        for op, left, right in zip(node.ops, parts, parts[1:], strict=False):
            self._check_comparable(op, left, right)
        steps = [
            (COMPARE[type(op)], left.get, right.get)
            for op, left, right in zip(node.ops, parts, parts[1:], strict=False)
        ]
        if len(steps) == 1:
            return Part(said, TRUTH, compared(*steps[0]))
        return Part(said, TRUTH, both([compared(*step) for step in steps]))

    def _check_comparable(self, op: ast.cmpop, left: Part, right: Part) -> None:
        if type(op) not in COMPARE:
            raise RigError(f"{self.text!r}: `is` and `in` are not known here; there are < <= > >= == !=")
        for part, other in ((left, right), (right, left)):
            if part.kind in LISTS:
                raise RigError(
                    f"{part.text!r} is {part.kind}; take one entry ({part.text}[1]), or max(), min(), total()"
                )
            if part.kind in (TRUTH, TEXT) and not isinstance(op, ast.Eq | ast.NotEq):
                raise RigError(f"{part.text!r} is {part.kind}; it can only be == or != something")
            if UNKNOWN not in (part.kind, other.kind) and part.kind != other.kind:
                raise RigError(f"{part.text!r} is {part.kind} and {other.text!r} is {other.kind}: never the same")

    def _margin(self, node: ast.Compare) -> Callable[[Facts], Margin | None]:
        """How far inside its limit a moment is, for a comparison of numbers; the limit is the side without a fact."""
        left, right = self._part(node.left), self._part(node.comparators[0])
        if left.kind != NUMBER and right.kind != NUMBER:
            return no_margin
        fixed = not any(isinstance(inner, ast.Attribute) for inner in ast.walk(node.left))
        measured, limit = (right, left) if fixed else (left, right)
        op = type(node.ops[0])
        upwards = (op in (ast.Gt, ast.GtE)) is not fixed
        sign = 1.0 if upwards else -1.0
        if op in (ast.Eq, ast.NotEq):
            return apart(measured.get, limit.get, -1.0 if op is ast.Eq else 1.0)
        return inside(measured.get, limit.get, sign)


def _known(name: str, sample: Iterable[str]) -> str:
    names = sorted(sample)
    device = name.partition(".")[0]
    own = [known for known in names if known.partition(".")[0] == device]
    if own:
        return f"{near(name, own)} ({device} has {', '.join(known.partition('.')[2] for known in own)})"
    devices = list(dict.fromkeys(known.partition(".")[0] for known in names))
    return f"{near(name, names)} (this house has {', '.join(devices)})"


def _named(word: str, sample: Iterable[str] | None) -> str:
    ending = sorted(known for known in sample or () if known.partition(".")[2] == word)
    return f", such as {ending[0]}" if ending else ""
