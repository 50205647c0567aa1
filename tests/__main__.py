"""``make test``: all suites, in three pytest runs side by side.

    python -m tests                        all of them
    python -m pytest tests/kernel -k fuse  some of them, as ever

Suites that run whole houses wait most of the time, and those of the kernel and of virtual houses compute; one after the
other they would take twice as long. Who computes has the lower priority, so that a house on the same machine keeps its
times.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
COMPUTING = {
    "computing": {"kernel", "loader", "check", "prove", "replay", "draw", "explain", "drivers", "walls", "mutate"},
    "virtual": {"rig", "walk", "soak"},
}
BUILD = HERE.parent / "build"
NICE = 10


def suites() -> dict[str, list[str]]:
    """The folders of each run; "" is that of all the others: a folder that nobody has put anywhere runs, too."""
    found = sorted(path for path in HERE.iterdir() if path.is_dir() or path.name.startswith("test_"))
    runs: dict[str, list[str]] = {"": [], **{name: [] for name in COMPUTING}}
    for path in found:
        if path.name != "__pycache__":
            run = next((name for name, folders in COMPUTING.items() if path.name in folders), "")
            runs[run].append(str(path.relative_to(HERE.parent)))
    return runs


def main() -> int:
    """Returns 0 when all runs were well, else pytest's code."""
    runs = suites()
    BUILD.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "pytest", *sys.argv[1:]]  # without paths: named ones load all conftests at once
    beside = {name: _begin(name, command, runs) for name in COMPUTING}
    try:
        code = subprocess.run([*command, *_without(runs, "")], check=False).returncode
        for name, process in beside.items():
            code = process.wait() or code
            _say(f"and those of {_log(name).relative_to(HERE.parent)}:")
            sys.stdout.write(_log(name).read_text(encoding="utf-8"))
    finally:
        for process in beside.values():
            process.terminate()
    return code


def _begin(name: str, command: list[str], runs: dict[str, list[str]]) -> subprocess.Popen[bytes]:
    _say(f"these compute meanwhile, into {_log(name).relative_to(HERE.parent)}: {' '.join(runs[name])}")
    with _log(name).open("w", encoding="utf-8") as log:
        return subprocess.Popen(
            [*command, "-p", "no:cacheprovider", *_without(runs, name)],
            stdout=log,
            stderr=subprocess.STDOUT,
            preexec_fn=lambda: os.nice(NICE),
        )


def _log(name: str) -> Path:
    return BUILD / f"test-{name}.log"


def _without(runs: dict[str, list[str]], mine: str) -> list[str]:
    return [f"--ignore={folder}" for name, folders in runs.items() if name != mine for folder in folders]


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
