"""Which test runs which line of the kernel, and how long it takes: so that a mutant meets the right tests first.

    python -m tests.mutate --map                      makes it anew: build/mutate/map.json, generated, never committed
    python -m tests.mutate --map tests/kernel/x.py    only what these files run; the rest stays as it was

Rules
* Of a test with many cases only some are followed (CASES, evenly over all of them), and none for longer than LONG_S of
  computing. What such a test has run until then is known; it is taken to last CUT_S, so it is tried late.
* The map is saved as it grows, so one that was cut short serves as well; ``--map`` with the files that are missing
  completes it.
* It only chooses. A line that it does not know is tried with the tests of its whole module.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import NamedTuple

import coverage
import pytest

ROOT = Path(__file__).resolve().parents[2]
KERNEL = ROOT / "supervisor" / "kernel"
SUITES = ("tests/kernel", "tests/prove")
FILE = ROOT / "build" / "mutate" / "map.json"
CASES, LONG_S, CUT_S, SOON_S, SAVE_EVERY = 24, 4, 40, 0.01, 50


class Known(NamedTuple):
    """A line map: how long each test takes, and per place and line who runs it."""

    seconds: dict[str, float]
    lines: dict[str, dict[str, set[str]]]


def read(file: Path, without: Sequence[str] = ()) -> Known:
    """The saved map, without the tests of some files. One that is not there is empty."""
    if not file.exists():
        return Known({}, {})
    saved = json.loads(file.read_text(encoding="utf-8"))
    names = [name for name, _ in saved["tests"]]
    keep = {name for name in names if not name.startswith(tuple(without))} if without else set(names)
    lines = {
        place: {line: {names[i] for i in tests} & keep for line, tests in of_place.items()}
        for place, of_place in saved["lines"].items()
    }
    return Known({name: seconds for name, seconds in saved["tests"] if name in keep}, lines)


class Follow:
    """A pytest plugin: each test is a context of the coverage measurement."""

    def __init__(self, measured: coverage.Coverage, file: Path, before: Known) -> None:
        self.measured, self.file, self.before = measured, file, before
        self.seconds: dict[str, float] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        cases: dict[str, list[pytest.Item]] = defaultdict(list)
        for item in items:
            cases[item.nodeid.split("[")[0]].append(item)
        kept = {item for of_test in cases.values() for item in spread(of_test)}
        items[:] = [item for item in items if item in kept]  # in pytest's order, which makes each fixture once

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        signal.setitimer(signal.ITIMER_VIRTUAL, LONG_S)
        yield
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.measured.switch_context(item.nodeid)
        began = time.process_time()
        yield
        spent = time.process_time() - began
        self.seconds[item.nodeid] = round(spent, 3) if spent < LONG_S else CUT_S
        if len(self.seconds) % SAVE_EVERY == 0:
            self.save()

    def save(self) -> None:
        """Writes what is known until now, with what was known before."""
        ran: dict[str, dict[str, set[str]]] = {place: dict(lines) for place, lines in self.before.lines.items()}
        data = self.measured.get_data()
        for path in data.measured_files():
            lines = ran.setdefault(Path(path).relative_to(ROOT).as_posix(), {})
            for line, contexts in data.contexts_by_lineno(path).items():
                lines[str(line)] = lines.get(str(line), set()) | (set(contexts) & set(self.seconds))
        seconds = {**self.before.seconds, **self.seconds}
        number = {name: i for i, name in enumerate(seconds)}
        body = {
            place: {line: sorted(number[name] for name in names) for line, names in sorted(lines.items()) if names}
            for place, lines in sorted(ran.items())
        }
        self.file.parent.mkdir(parents=True, exist_ok=True)
        new = self.file.with_suffix(".new")
        new.write_text(json.dumps({"tests": list(seconds.items()), "lines": body}), encoding="utf-8")
        new.replace(self.file)


def spread(cases: list[pytest.Item]) -> list[pytest.Item]:
    """At most CASES of them, evenly."""
    step = max(1, -(-len(cases) // CASES))
    return cases[::step]


def _long_enough(_: int, frame: FrameType | None) -> None:
    """Not inside the measurement itself: an exception there would leave its lock locked for ever."""
    while frame is not None:
        if "/coverage/" in frame.f_code.co_filename:
            signal.setitimer(signal.ITIMER_VIRTUAL, SOON_S)
            return
        frame = frame.f_back
    pytest.skip("followed for long enough")  # hypothesis lets a skip pass at once, without shrinking


def main(files: Sequence[str]) -> int:
    """Runs the suites once, or only some files. Returns pytest's code."""
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    signal.signal(signal.SIGVTALRM, _long_enough)
    measured = coverage.Coverage(data_file=None, include=[f"{KERNEL}/*"], config_file=False)
    follow = Follow(measured, FILE, read(FILE, files) if files else Known({}, {}))
    measured.start()
    code = pytest.main(["-p", "no:cacheprovider", *(files or SUITES)], plugins=[follow])
    measured.stop()
    follow.save()
    return int(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
