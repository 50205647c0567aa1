"""Real peers run only on demand: they are installed by hundreds of megabytes, and a minute or two of their own."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / name) for name in ("peers", "e2e", "mqtt")]

import homeassistant_install as homes  # noqa: E402
import mosquitto_process  # noqa: E402
from homeassistant_scene import Scene  # noqa: E402


@pytest.fixture(scope="module", params=homes.RELEASES, ids=lambda release: f"ha-{release.version}")
def scene(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """The example house, a broker and a real Home Assistant, for the tests of a module."""
    release: homes.Release = request.param
    if not os.environ.get("POWERWARDEN_PEERS"):
        pytest.skip("real peers run on demand: `make peers`, or POWERWARDEN_PEERS=1 with them installed")
    if not mosquitto_process.MOSQUITTO:
        pytest.skip(mosquitto_process.MISSING)
    if not release.installed:
        pytest.skip(f"Home Assistant {release.version} is not installed: {homes.REMEDY} (it needs {release.python})")
    running = Scene(release, tmp_path_factory.mktemp("broker"))
    yield running
    running.close()
