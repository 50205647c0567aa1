"""One mutant's own process: it puts the mutated module in the place of the real one, and runs the tests.

    python -m tests.mutate.child JOB.json        (the runner starts it; nobody else needs to)

Nothing is written into the tree: an import hook gives the mutated text. What happened goes into the job's report; a
report that is missing afterwards is a crash. This process never judges: it says what pytest said.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_loader
from pathlib import Path
from types import CodeType, ModuleType

import pytest

MEMORY_BYTES = 3 << 30  # a mutant that grows for ever ends as a MemoryError, not as everybody's trouble
LOADS = "supervisor.loader.assemble"  # it compiles the machines: with it, everything that acts at import has acted


class Planted(SourceFileLoader):
    """Loads a module's file, but with another text."""

    def __init__(self, name: str, path: str, text: str) -> None:
        super().__init__(name, path)
        self._text = text

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._text, self.path, "exec")


class Finder(MetaPathFinder):
    """Finds one module's planted text before the path finders find its file."""

    def __init__(self, module: str, path: str, text: str) -> None:
        self.module, self.loader = module, Planted(module, path, text)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return spec_from_loader(fullname, self.loader) if fullname == self.module else None


class Watch:
    """A pytest plugin: runs the chosen tests in the chosen order, and notes what they did."""

    def __init__(self, wanted: list[str]) -> None:
        self.wanted = {name: i for i, name in enumerate(wanted)}
        self.ran: list[str] = []
        self.failed = self.broken = ""

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = sorted(
            (item for item in items if item.nodeid in self.wanted), key=lambda item: self.wanted[item.nodeid]
        )

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.broken = self.broken or f"{report.nodeid}: {str(report.longrepr).splitlines()[-1]}"

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed = self.failed or report.nodeid
        if report.when == "call":
            self.ran.append(report.nodeid)


def run(job: dict[str, object]) -> dict[str, object]:
    """What happened: ``loads`` is "" or why the mutant cannot be imported; the rest is of the last group of tests."""
    module, groups = str(job["module"]), job["groups"]
    sys.meta_path.insert(0, Finder(module, str(job["path"]), str(job["text"])))
    try:
        importlib.import_module(module)
        importlib.import_module(LOADS)
    except Exception as error:  # noqa: BLE001  # whatever a mutant raises at import, it is one that does not load
        return {"loads": f"{type(error).__name__}: {error}"}
    said: dict[str, object] = {"loads": "", "code": 0, "failed": "", "missing": 0}
    missing = 0
    for group in groups if isinstance(groups, list) else []:
        watch = Watch(group)
        files = sorted({name.split("::")[0] for name in group})
        code = pytest.main(["-x", "-q", "--no-header", "--tb=line", "-p", "no:cacheprovider", *files], plugins=[watch])
        missing += 0 if code else len(group) - len(watch.ran)
        said = {"loads": watch.broken, "code": int(code), "failed": watch.failed, "missing": missing}
        if code:
            break
    return said


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    said = run(job)
    Path(job["report"]).write_text(json.dumps(said), encoding="utf-8")
    sys.stdout.flush()
    os._exit(0)  # threads that a mutant has left behind are not waited for


if __name__ == "__main__":
    main()
