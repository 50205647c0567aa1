"""What the rig's suites share: a run directory whose path is short enough for a Unix socket."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def run_dir() -> Iterator[Path]:
    """A fresh directory; pytest's own tmp_path can be longer than the 107 bytes that a socket's path may have."""
    path = Path(tempfile.mkdtemp(prefix="rig"))
    yield path
    shutil.rmtree(path)
