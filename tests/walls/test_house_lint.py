"""Each check of the house's lint sees what it is for and leaves alone what only looks like it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from house_lint import ROOT, lint, main

ENUM = "class Mode(Enum):\n    ON = 1\n"


def function(lines: int, name: str = "f") -> str:
    return f"def {name}():\n" + "    x = 1\n" * (lines - 1)


def says(text: str, place: str = "supervisor/some.py") -> list[str]:
    return [words for _, words in lint(text, place)]


CAUGHT = [
    ("assert a == b if c else d", "put the conditional in brackets"),
    ("assert (a == b if c else d), 'why'", "put the conditional in brackets"),
    (f"{ENUM}if Mode.ON:\n    pass", "Mode.ON as a condition"),
    ("assert Quality.GOOD", "Quality.GOOD as a condition"),
    ("while x and not Quality.GOOD:\n    pass", "Quality.GOOD as a condition"),
    ("if x == 1 or Quality.SUSPECT:\n    pass", "Quality.SUSPECT as a condition"),
    ("y = [x for x in z if Mode.ON]", "Mode.ON as a condition"),
    ("y = 1 if Mode.ON else 2", "Mode.ON as a condition"),
    ("def ready():\n    return 1\ndef g():\n    if ready:\n        pass", "the function ready"),
    ("def ready():\n    return 1\nassert ready", "the function ready"),
    ("class A:\n    def full(self):\n        return self.full or 1", "the method full"),
    ("HOLD_2000ms = 1000", "HOLD_2000ms is 1000, but its name says 2000"),
    ("HOLD_2000_MS: int = 1000", "its name says 2000"),
    ("FUSE_16A = 16000", "its name says 16"),
    ("FUSE_16A_mA = 16", "its name says 16000"),
    ("def f():\n    grace_5s = 4.5", "its name says 5"),
    ("try:\n    f()\nexcept Exception:\n    pass", "catches everything"),
    ("try:\n    f()\nexcept:\n    pass", "catches everything"),
    ("try:\n    f()\nexcept (OSError, BaseException):\n    pass", "catches everything"),
    ("try:\n    f()\nexcept Exception:  # noqa: BLE001\n    pass", "catches everything"),
    ("pytest.skip()", "pytest.skip without a reason"),
    ("@pytest.mark.xfail\ndef test(): ...", "pytest.mark.xfail without a reason"),
    ("@pytest.mark.skip()\ndef test(): ...", "pytest.mark.skip without a reason"),
    ("@pytest.mark.skipif(True)\nclass Test: ...", "pytest.mark.skipif without a reason"),
    (function(61), "f has 61 lines; at most 60"),
    ("x = 1\n" * 401, "401 lines; a file has at most 400"),
]

PASSED = [
    "assert a == (b if c else d)",
    "assert Mode.ON == mode",
    "if mode is Mode.ON or mode in (Mode.ON, Mode.OFF):\n    pass",
    "x = mode or Mode.ON",
    "if A.B:\n    pass",  # a class of one letter is mostly none, and its attribute no enum's member
    "if config.DEBUG:\n    pass",
    "if Mode.ON.value:\n    pass",
    "def ready():\n    return 1\nif ready():\n    pass",
    "def ready():\n    return 1\ndef g(ready):\n    assert ready",
    "def ready():\n    return 1\ndef g():\n    ready = 0\n    return 1 if ready else 2",
    "class A:\n    @property\n    def full(self):\n        return 1\n    def f(self):\n        assert self.full",
    "class A:\n    def full(self): ...\nclass B:\n    full: bool\n    def f(self):\n        assert self.full",
    "HOLD_2000ms = 2000\nFUSE_16A = 16\nFUSE_16A_mA = 16_000\nPHASE_3 = 1\nSDM630 = 2\nLEVEL_1_CODE = 7",
    "try:\n    f()\nexcept OSError:\n    pass",
    "try:\n    f()\nexcept Exception:  # a driver's mistake becomes a value here\n    pass",
    "try:\n    f()\nexcept Exception:  # noqa: BLE001  a driver's mistake becomes a value\n    pass",
    "try:\n    f()\nexcept Exception:\n    # a driver's mistake becomes a value here\n    pass",
    "pytest.skip('no such wire here')",
    "@pytest.mark.xfail(reason='the library drops it')\ndef test(): ...",
    "@pytest.mark.skipif(sys.platform == 'x', reason='no sockets')\ndef test(): ...",
    "@pytest.mark.skip('no such wire here')\ndef test(): ...",
    function(60),
    "x = 1\n" * 400,
]


@pytest.mark.parametrize(("text", "words"), CAUGHT, ids=[text.splitlines()[-1] for text, _ in CAUGHT])
def test_what_is_always_wrong_is_seen_once(text: str, words: str) -> None:
    assert [words in said for said in says(text)] == [True]


@pytest.mark.parametrize("text", PASSED, ids=[text.splitlines()[-1] for text in PASSED])
def test_what_only_looks_wrong_is_left_alone(text: str) -> None:
    assert says(text) == []


@pytest.mark.parametrize(
    "text",
    ["import time\ntime.sleep(1)", "import asyncio\nasyncio.sleep(0)", "from time import sleep as nap\nnap(1)"],
)
def test_a_test_that_sleeps_is_seen_and_a_product_that_sleeps_is_not(text: str) -> None:
    assert ["in a test" in said for said in says(text, "tests/test_some.py")] == [True]
    assert says(text) == []
    assert says("clock.sleep(1)\nself.sleep(2)", "tests/test_some.py") == []


def test_the_kernel_has_less_room_and_a_step_fits_on_a_screen() -> None:
    kernel, cycle = "supervisor/kernel/trip.py", "supervisor/kernel/cycle.py"
    assert says(function(41), kernel) == ["f has 41 lines; at most 40 here"]
    assert says(function(40), kernel) == []
    assert says("x = 1\n" * 221, kernel) == ["221 lines; a file has at most 220 here"]
    assert says("x = 1\n" * 220, kernel) == []
    assert says(function(51, "step"), cycle) == ["step has 51 lines; at most 50 here"]
    assert says(function(50, "step"), cycle) == []


def test_a_finding_names_its_line() -> None:
    assert [line for line, _ in lint("x = 1\n\nassert a if b else c\nassert Mode.ON\n", "tests/a.py")] == [3, 4]


def test_the_command_prints_file_and_line_and_ends_with_one(tmp_path: Path) -> None:
    (tmp_path / "good.py").write_text("x = 1\n", "utf-8")
    (tmp_path / "bad.py").write_text("x = 1\nassert x if x else x\n", "utf-8")
    command = [sys.executable, str(ROOT / "tests" / "walls" / "house_lint.py"), str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 1
    assert ended.stdout.startswith("bad.py:2: an assert of")
    assert ended.stdout.count("\n") == 1
    assert main([str(tmp_path / "good.py")]) == 0


def test_these_walls_keep_their_own_rules() -> None:
    assert main([str(ROOT / place) for place in ("tests/walls", "tests/loader", "supervisor/loader")]) == 0
