"""The house's own lint: what type checkers and linters let pass although it is always wrong here.

    python tests/walls/house_lint.py [FILE OR FOLDER ...]      the whole tree when nothing is named

Prints ``file:line: what is wrong`` and ends with 1 when there is anything, with 0 otherwise. Each check is a function
from a parsed file to findings; it looks at one thing and knows no other check.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("supervisor", "drivers", "hil", "tests")
FUNCTION_MAX, KERNEL_FUNCTION_MAX, STEP_MAX = 60, 40, 50  # lines
FILE_MAX, KERNEL_FILE_MAX = 400, 220  # lines
UNIT_NUMBER = re.compile(
    r"(?:^|_)(\d+)_?(ms|s|min|h|mA|A|mV|V|mW|W|kW|Hz|permille|percent)(?:_(m[sAVW]))?$", re.IGNORECASE
)
ENUM_MEMBER = re.compile(r"[A-Z][A-Z0-9_]*")
CLASS_NAME = re.compile(r"[A-Z]\w*[a-z]\w*")
SLEEPERS = {"time", "asyncio", "trio", "anyio"}
SKIPS = {"skip", "skipif", "xfail"}
NOT_A_REASON = re.compile(r"#|noqa(:\s*[A-Z0-9, ]+)?|type: ignore(\[[\w, -]*\])?|pragma: no cover")

Finding = tuple[int, str]


@dataclass(frozen=True)
class Source:
    """A parsed file. ``place`` is its path inside the repository, with slashes."""

    place: str
    text: str
    tree: ast.Module

    @property
    def kernel(self) -> bool:
        return self.place.startswith("supervisor/kernel/")

    @property
    def tests(self) -> bool:
        return self.place.startswith("tests/")

    def reason(self, line: int) -> bool:
        """Does a comment on this line or the next say something that is not meant for a tool?"""
        comments = (self.comments().get(number, "") for number in (line, line + 1))
        return any(len(NOT_A_REASON.sub("", comment).split()) >= 2 for comment in comments)

    def comments(self) -> dict[int, str]:
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        return {token.start[0]: token.string for token in tokens if token.type == tokenize.COMMENT}


def conditional_asserts(source: Source) -> Iterator[Finding]:
    """``assert a == b if c else d`` asserts d, which is mostly true, whenever c is not."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Assert) and isinstance(node.test, ast.IfExp):
            yield node.lineno, "an assert of 'x if c else y'; put the conditional in brackets or write two asserts"


def constant_conditions(source: Source) -> Iterator[Finding]:
    """An enum's member or a function that nobody calls is always true."""
    functions = {node.name for node in source.tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    methods = _methods(source.tree)
    scopes: list[tuple[ast.AST, set[str]]] = [(source.tree, functions)]
    while scopes:
        scope, known = scopes.pop()
        inner, conditions = _conditions(scope)
        scopes += [(function, known - _bound(function)) for function in inner]
        for test in _leaves(conditions):
            match test:
                case ast.Attribute(value=ast.Name(id=owner), attr=member) if _is_member(owner, member):
                    yield test.lineno, f"{owner}.{member} as a condition is always the same; compare with it"
                case ast.Name(id=name) if name in known:
                    yield test.lineno, f"the function {name} as a condition is always true; call it"
                case ast.Attribute(value=ast.Name(id="self"), attr=name) if name in methods:
                    yield test.lineno, f"the method {name} as a condition is always true; call it"


def _methods(tree: ast.Module) -> set[str]:
    """Names of plain methods that are nothing else anywhere in the file, such as an attribute of another class."""
    defined = [part for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for part in node.body]
    plain = {part.name for part in defined if isinstance(part, ast.FunctionDef) and not part.decorator_list}
    other = {part.name for part in defined if isinstance(part, ast.FunctionDef) and part.decorator_list}
    other |= {
        part.target.id for part in defined if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name)
    }
    stored = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store)}
    return plain - other - stored


def _leaves(conditions: list[ast.expr]) -> Iterator[ast.expr]:
    """Conditions with what 'and' and 'or' join taken apart."""
    for condition in conditions:
        if isinstance(condition, ast.BoolOp):
            yield from _leaves(condition.values)
        else:
            yield condition


def _is_member(owner: str, member: str) -> bool:
    return bool(CLASS_NAME.fullmatch(owner) and ENUM_MEMBER.fullmatch(member))


def _conditions(scope: ast.AST) -> tuple[list[ast.AST], list[ast.expr]]:
    """The functions right inside a scope, and whatever stands as a condition in the scope's own lines."""
    functions: list[ast.AST] = []
    conditions: list[ast.expr] = []
    pending = list(ast.iter_child_nodes(scope))
    while pending:
        node = pending.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            functions.append(node)
            continue
        pending += ast.iter_child_nodes(node)
        match node:
            case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test) | ast.Assert(test=test):
                conditions.append(test)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                conditions.append(operand)
            case ast.BoolOp(values=values):
                conditions += values[:-1]
            case ast.comprehension(ifs=tests):
                conditions += tests
    return functions, conditions


def _bound(function: ast.AST) -> set[str]:
    """Names that mean something else inside a function: its parameters and what it assigns."""
    nodes = list(ast.walk(function))
    stored = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return stored | {node.arg for node in nodes if isinstance(node, ast.arg)}


def lying_names(source: Source) -> Iterator[Finding]:
    """A constant named ``HOLD_2000ms`` with the value 1000 has been edited in one place of two."""
    for node in ast.walk(source.tree):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=int() | float() as value)):
                yield from _lie(node.lineno, name, value)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant(value=int() | float() as value)):
                yield from _lie(node.lineno, name, value)


def _lie(line: int, name: str, value: float) -> Iterator[Finding]:
    if match := UNIT_NUMBER.search(name):
        said = int(match[1]) * (1000 if match[3] else 1)
        if value != said:
            yield line, f"{name} is {value:g}, but its name says {said}"


def sleeping_tests(source: Source) -> Iterator[Finding]:
    """Time is an argument; a test that sleeps is slow on a good day and fails on a bad one."""
    if not source.tests:
        return
    bare = {
        alias.asname or alias.name
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ImportFrom) and node.module in SLEEPERS
        for alias in node.names
        if alias.name == "sleep"
    }
    for node in ast.walk(source.tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=owner), attr="sleep")) if owner in SLEEPERS:
                yield node.lineno, f"{owner}.sleep in a test; wait for what you wait for, or hold the clock"
            case ast.Call(func=ast.Name(id=name)) if name in bare:
                yield node.lineno, f"{name} in a test; wait for what you wait for, or hold the clock"


def broad_excepts(source: Source) -> Iterator[Finding]:
    """Catching everything is a decision, and a decision has a reason beside it."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ExceptHandler) and _broad(node.type) and not source.reason(node.lineno):
            yield node.lineno, "catches everything and does not say why; name what may happen, or give the reason"


def _broad(caught: ast.expr | None) -> bool:
    parts = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any(
        part is None or (isinstance(part, ast.Name) and part.id in ("Exception", "BaseException")) for part in parts
    )


def silent_skips(source: Source) -> Iterator[Finding]:
    """A test that does not run has to say why, or it stays that way."""
    for node in ast.walk(source.tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="pytest"), attr="skip" | "xfail" as name)):
                if not node.args and not _reason(node):
                    yield node.lineno, f"pytest.{name} without a reason"
            case ast.Call(func=ast.Attribute(value=ast.Attribute(attr="mark"), attr=name)) if name in SKIPS:
                if not _reason(node) and not (name == "skip" and node.args):
                    yield node.lineno, f"pytest.mark.{name} without a reason"
            case ast.FunctionDef(decorator_list=marks) | ast.ClassDef(decorator_list=marks):
                for mark in marks:
                    if isinstance(mark, ast.Attribute) and mark.attr in SKIPS:
                        yield mark.lineno, f"pytest.mark.{mark.attr} without a reason"


def _reason(call: ast.Call) -> bool:
    return any(keyword.arg in ("reason", "msg") for keyword in call.keywords)


def long_things(source: Source) -> Iterator[Finding]:
    """What does not fit on a screen is not read, and what is not read rots."""
    lines, bound = source.text.count("\n"), KERNEL_FILE_MAX if source.kernel else FILE_MAX
    if lines > bound:
        yield 1, f"{lines} lines; a file has at most {bound} here"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            longest = _longest(source, node.name)
            if length > longest:
                yield node.lineno, f"{node.name} has {length} lines; at most {longest} here"


def _longest(source: Source, function: str) -> int:
    if source.place == "supervisor/kernel/cycle.py" and function == "step":
        return STEP_MAX
    return KERNEL_FUNCTION_MAX if source.kernel else FUNCTION_MAX


CHECKS: tuple[Callable[[Source], Iterator[Finding]], ...] = (
    conditional_asserts,
    constant_conditions,
    lying_names,
    sleeping_tests,
    broad_excepts,
    silent_skips,
    long_things,
)


def lint(text: str, place: str) -> list[Finding]:
    """All findings in the text of one file, in the order of its lines."""
    source = Source(place, text, ast.parse(text))
    return sorted({finding for check in CHECKS for finding in check(source)})


def main(arguments: list[str]) -> int:
    """Lint files and folders; returns the exit code."""
    named = [Path(argument).resolve() for argument in arguments] or [ROOT / folder for folder in FOLDERS]
    files = [file for path in named for file in (sorted(path.rglob("*.py")) if path.is_dir() else [path])]
    wrong = 0
    for file in files:
        place = file.relative_to(ROOT).as_posix() if file.is_relative_to(ROOT) else file.name
        for line, words in lint(file.read_text("utf-8"), place):
            sys.stdout.write(f"{place}:{line}: {words}\n")
            wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
