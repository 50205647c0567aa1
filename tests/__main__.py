"""``make test``: all suites, in two pytest runs side by side.

    python -m tests                        all of them
    python -m pytest tests/kernel -k fuse  some of them, as ever

Suites that run whole houses wait most of the time, and those of the kernel and of virtual houses compute; one after the
other they would take half as long again. Who computes has the lower priority, so that a house on the same machine
keeps its times.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
COMPUTING = {"kernel", "loader", "check", "prove", "replay", "draw", "explain", "drivers", "walls", "rig", "walk"}
LOG = HERE.parent / "build" / "test-computing.log"
NICE = 10


def suites() -> tuple[list[str], list[str]]:
    """Those that compute, and all the others: a folder that nobody has put anywhere runs, too."""
    found = sorted(path for path in HERE.iterdir() if path.is_dir() or path.name.startswith("test_"))
    named = [str(path.relative_to(HERE.parent)) for path in found if path.name != "__pycache__"]
    computing = [name for name in named if Path(name).name in COMPUTING]
    return computing, [name for name in named if name not in computing]


def main() -> int:
    """Returns 0 when both runs were well, else pytest's code."""
    computing, others = suites()
    LOG.parent.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "pytest", *sys.argv[1:]]  # without paths: named ones load all conftests at once
    _say(f"these compute meanwhile, into {LOG.relative_to(HERE.parent)}: {' '.join(computing)}")
    with LOG.open("w", encoding="utf-8") as log:
        beside = subprocess.Popen(
            [*command, "-p", "no:cacheprovider", *_without(others)],
            stdout=log,
            stderr=subprocess.STDOUT,
            preexec_fn=lambda: os.nice(NICE),
        )
        try:
            code = subprocess.run([*command, *_without(computing)], check=False).returncode
            other = beside.wait()
        finally:
            beside.terminate()
    _say(f"and those that computed ({LOG.relative_to(HERE.parent)}):")
    sys.stdout.write(LOG.read_text(encoding="utf-8"))
    return code or other


def _without(names: list[str]) -> list[str]:
    return [f"--ignore={name}" for name in names]


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
