"""The small mistakes that are planted, one at a time, in a module of the kernel.

A mutant is one edit of the text: a span, and what stands there instead. Text for people (docstrings, messages) and
type annotations are left alone. What is planted in a machine's declaration is in ``declared.py``.

A mutant's id stays the same while its own line does: file, hash of the line's text, kind, and a number where one line
has several of a kind. So a list of survivors can be committed, and a line that was edited asks to be judged again.
"""

from __future__ import annotations

import ast
import copy
import difflib
import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
KERNEL = ROOT / "supervisor" / "kernel"


class Edit(NamedTuple):
    """``text`` instead of the source's bytes from ``start`` to ``end``; ``kind`` says what sort of mistake it is."""

    start: int
    end: int
    text: str
    line: int
    kind: str


@dataclass(frozen=True)
class Mutant:
    """``place`` is the module's path inside the repository, with slashes. ``source`` is the whole module, mutated."""

    id: str
    place: str
    line: int
    kind: str
    original: str
    edit: Edit

    @property
    def module(self) -> str:
        return self.place.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def source(self) -> str:
        raw = self.original.encode()
        return (raw[: self.edit.start] + self.edit.text.encode() + raw[self.edit.end :]).decode()

    def diff(self) -> str:
        """What was planted, as a person reads it."""
        before, after = self.original.splitlines(), self.source.splitlines()
        return "\n".join(difflib.unified_diff(before, after, self.place, self.id, lineterm="", n=2))


class Spans:
    """Where nodes stand in a source's bytes."""

    def __init__(self, source: str) -> None:
        self._starts = [0]
        for line in source.encode().splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))

    def at(self, line: int, column: int) -> int:
        return self._starts[line - 1] + column

    def of(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        return self.at(node.lineno, node.col_offset), self.at(node.end_lineno or 0, node.end_col_offset or 0)

    def edit(self, node: ast.expr | ast.stmt, text: str, kind: str) -> Edit:
        return Edit(*self.of(node), text, node.lineno, kind)


def named(source: str, place: str, edits: list[Edit]) -> list[Mutant]:
    """Mutants with their ids, in the order of the source."""
    lines, seen, found = source.splitlines(), Counter[str](), []
    short = place.removeprefix("supervisor/kernel/").removesuffix(".py")
    for edit in sorted(edits, key=lambda one: (one.start, one.end, one.kind)):
        digest = hashlib.sha256(lines[edit.line - 1].strip().encode()).hexdigest()[:6]
        name = f"{short}:{digest}:{edit.kind}"
        seen[name] += 1
        found.append(Mutant(f"{name}:{seen[name]}", place, edit.line, edit.kind, source, edit))
    return found


def edits(source: str) -> list[Edit]:
    """Every mistake of a plain module."""
    spans = Spans(source)
    return [edit for node in _nodes(ast.parse(source)) for edit in _of(node, spans)]


def _nodes(node: ast.AST) -> Iterator[ast.AST]:
    """What decides anything: no annotations, decorators, patterns or text for people."""
    match node:
        case ast.JoinedStr() | ast.Import() | ast.ImportFrom() | ast.arg() | ast.pattern() | ast.Raise():
            return
        case ast.AnnAssign(value=None) | ast.keyword(arg="strict"):  # zip's: a programmer's mistake, never the world's
            return
        case ast.AnnAssign(value=value):
            inner: list[ast.AST] = [value] if value else []
        case ast.ClassDef(body=body):
            inner = list(body)
        case ast.FunctionDef(body=body, args=args):
            inner = [args, *body]
        case ast.BinOp(op=ast.BitOr()) if _union(node):
            return
        case _:
            yield node
            inner = list(ast.iter_child_nodes(node))
    for child in inner:
        yield from _nodes(child)


def _union(node: ast.expr) -> bool:
    """``A | B`` of types."""
    match node:
        case ast.BinOp(op=ast.BitOr(), left=left, right=right):
            return _union(left) and _union(right)
        case ast.Name(id=name):
            return name[0].isupper() and not name.isupper()
        case ast.Constant(value=None):
            return True
    return False


FLIPS: dict[type[ast.cmpop], tuple[type[ast.cmpop], str]] = {
    ast.Lt: (ast.LtE, "boundary"), ast.LtE: (ast.Lt, "boundary"), ast.Gt: (ast.GtE, "boundary"),
    ast.GtE: (ast.Gt, "boundary"), ast.Eq: (ast.NotEq, "equality"), ast.NotEq: (ast.Eq, "equality"),
    ast.Is: (ast.IsNot, "equality"), ast.IsNot: (ast.Is, "equality"), ast.In: (ast.NotIn, "equality"),
    ast.NotIn: (ast.In, "equality"),
}  # fmt: skip
SUMS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.Div: ast.Mult,
    ast.Mod: ast.FloorDiv, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.LShift: ast.RShift,
    ast.RShift: ast.LShift, ast.BitXor: ast.BitAnd, ast.Pow: ast.Mult,
}  # fmt: skip
EXTREMES = {"min": "max", "max": "min", "any": "all", "all": "any"}


def _of(node: ast.AST, spans: Spans) -> Iterator[Edit]:
    """The mistakes at one node."""
    match node:
        case ast.Compare():
            yield from _comparisons(node, spans)
        case ast.BoolOp(op=op):
            other = _but(node, op=ast.Or() if isinstance(op, ast.And) else ast.And())
            yield spans.edit(node, _text(other), "junction")
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            yield spans.edit(node, _text(inner), "not")
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            yield spans.edit(node, _text(inner), "sign")
        case ast.Constant(value=bool(value)):
            yield spans.edit(node, str(not value), "flag")
        case ast.Constant(value=int(value)):
            yield spans.edit(node, f"{value + 1}", "constant")
            yield spans.edit(node, f"{value - 1}" if value else "(-1)", "constant")
        case ast.BinOp(op=op, left=left, right=right) if not (_words(left) or _words(right)):
            yield spans.edit(node, _text(_but(node, op=SUMS[type(op)]())), "arithmetic")
        case ast.AugAssign(op=op, value=value) if not _words(value):
            yield spans.edit(node, ast.unparse(_but(node, op=SUMS[type(op)]())), "arithmetic")
        case ast.Call(func=ast.Name(id=name) as function) if name in EXTREMES:
            yield spans.edit(function, EXTREMES[name], "extreme")
        case ast.Return(value=ast.expr() as value):
            yield from _results(node, value, spans)
        case ast.Break():
            yield spans.edit(node, "continue", "jump")
        case ast.Continue():
            yield spans.edit(node, "break", "jump")
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
            yield from _negated([test], spans)
        case ast.comprehension(ifs=tests):
            yield from _negated(tests, spans)
        case ast.match_case(guard=ast.expr() as test):
            yield from _negated([test], spans)


def _comparisons(node: ast.Compare, spans: Spans) -> Iterator[Edit]:
    for i, op in enumerate(node.ops):
        other, kind = FLIPS[type(op)]
        yield spans.edit(node, _text(_but(node, ops=[*node.ops[:i], other(), *node.ops[i + 1 :]])), kind)


def _negated(tests: list[ast.expr], spans: Spans) -> Iterator[Edit]:
    """A condition turned round, where that is no other mistake of this file already."""
    for test in tests:
        flipped = isinstance(test, ast.Compare) and len(test.ops) == 1 and FLIPS[type(test.ops[0])][1] == "equality"
        if not flipped and not (isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)):
            yield spans.edit(test, f"(not {_text(test)})", "condition")


def _results(node: ast.Return, value: ast.expr, spans: Spans) -> Iterator[Edit]:
    """What is given back: both truths for a question, nothing for the rest. A constant has its own mistakes."""
    denies = isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.Not)
    if denies or isinstance(value, ast.Compare | ast.BoolOp):
        yield spans.edit(node, "return True", "result")
        yield spans.edit(node, "return False", "result")
    elif not isinstance(value, ast.Constant):
        yield spans.edit(node, "return None", "result")
    elif value.value is None:
        yield spans.edit(node, "return True", "result")


def _but(node: ast.AST, **fields: object) -> ast.AST:
    other = copy.copy(node)
    for name, value in fields.items():
        setattr(other, name, value)
    return other


def _text(node: ast.AST) -> str:
    return f"({ast.unparse(node)})"


def _words(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))
