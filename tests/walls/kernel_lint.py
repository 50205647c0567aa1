"""What an import-linter cannot see: what the kernel's own lines do. Findings are (line, words).

Rules
* Nothing reads the world or depends on the process: no open, print, input, exec, eval, __import__, id, hash ...
* Integers only: no float, no true division, which would round differently from what the tests counted.
* No state outside the state: no global, no nonlocal, nothing mutable at the level of a module or a class.
* A check that guards people is a ``raise``: ``assert`` is gone under -O.
* Imports are on a list of what is allowed; the linter's list of what is forbidden can never be complete.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

BANNED = {
    "open", "print", "input", "exec", "eval", "__import__", "compile", "breakpoint", "exit", "quit", "help",
    "globals", "locals", "vars", "id", "hash", "float", "complex", "memoryview", "setattr", "delattr",
}  # fmt: skip
ALLOWED = {"__future__", "collections.abc", "enum", "typing", "msgspec"}
OURS = "supervisor.kernel"
MUTABLE = ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp | ast.GeneratorExp
MUTABLE_CALLS = {"list", "dict", "set", "bytearray", "defaultdict", "deque", "Counter", "OrderedDict", "iter", "count"}
READ_ONLY = ("Mapping", "Sequence", "frozenset")


def findings(source: str) -> list[tuple[int, str]]:
    """Everything in one file of the kernel that has no business there, by line."""
    tree = ast.parse(source)
    found = [(node.lineno, words) for node in ast.walk(tree) for words in _node(node) if hasattr(node, "lineno")]
    return sorted({*found, *_state(tree)})


def _node(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Name(id=name, ctx=ast.Load()) if name in BANNED:
            yield f"{name} has no place in the kernel"
        case ast.Attribute(attr=name) if name.startswith("__") and name != "__init__":
            yield f"{name} looks behind the curtain"
        case ast.Constant(value=float() | complex()):
            yield "a float"
        case ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()):
            yield "a true division; use // and say to which side it rounds"
        case ast.Global() | ast.Nonlocal():
            yield "state outside the state"
        case ast.Assert():
            yield "assert; raise something"
        case ast.Import(names=names):
            yield from (f"imports {alias.name}" for alias in names if not _allowed(alias.name))
        case ast.ImportFrom(module=module, level=level) if level or not _allowed(module or ""):
            yield f"imports {'.' * level}{module or ''}"
        case ast.AsyncFunctionDef() | ast.Await() | ast.AsyncFor() | ast.AsyncWith():
            yield "waits for something"


def _allowed(module: str) -> bool:
    return module in ALLOWED or ((module == OURS or module.startswith(f"{OURS}.")) and ".machines" not in module)


def _state(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Assignments at the level of the module or of a class whose value could be changed later."""
    bodies = [tree.body, *(node.body for node in ast.walk(tree) if isinstance(node, ast.ClassDef))]
    for statement in (statement for body in bodies for statement in body):
        match statement:
            case ast.Assign(value=value) if _mutable(value):
                yield statement.lineno, "mutable and shared; annotate it as a Mapping or make it a tuple"
            case ast.AnnAssign(value=value, annotation=kind) if value is not None and _mutable(value):
                if not ast.unparse(kind).startswith(READ_ONLY):
                    yield statement.lineno, "mutable and shared; annotate it as a Mapping or make it a tuple"


def _mutable(value: ast.expr) -> bool:
    called = isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in MUTABLE_CALLS
    return called or isinstance(value, MUTABLE)
