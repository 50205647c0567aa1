"""These suites use the houses of the kernel's tests, and the recorded house of the journal's."""

from __future__ import annotations

import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS / "kernel"), str(TESTS / "replay")]
