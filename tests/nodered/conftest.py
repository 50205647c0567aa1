"""A real Node-RED runs only on demand: it is installed by a hundred megabytes, and its tests take minutes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / name) for name in ("nodered", "peers", "mqtt", "e2e")]

import nodered_install  # noqa: E402  the paths above come first
from mosquitto_process import MISSING, MOSQUITTO  # noqa: E402
from mqtt_probe import Probe  # noqa: E402
from nodered_scene import LOGINS, Scene  # noqa: E402


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """The example house, a broker and a real Node-RED with the flows of the user, for the tests of a module."""
    if not os.environ.get("POWERWARDEN_PEERS"):
        pytest.skip("real peers run on demand: `make peers`, or POWERWARDEN_PEERS=1 with them installed")
    if not MOSQUITTO:
        pytest.skip(MISSING)
    if nodered_install.missing():
        pytest.skip(nodered_install.missing())
    running = Scene(tmp_path_factory.mktemp("nodered"))
    yield running
    running.close()


@pytest.fixture
def watcher(scene: Scene) -> Iterator[Probe]:
    """Somebody who hears all that passes the broker, and says nothing."""
    with Probe(scene.broker.port, "powerwarden/#", user="watcher", password=LOGINS["watcher"]) as running:
        running.until_kept("powerwarden/status", lambda said: said == "online")
        yield running
