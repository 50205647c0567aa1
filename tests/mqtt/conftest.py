"""A broker, a fake guardian and the MQTT side between them, one of each for a module."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / name) for name in ("gateway", "e2e") if str(HERE.parent / name) not in sys.path]

from fake_guardian import FakeGuardian  # noqa: E402  the paths above come first
from mosquitto_process import MISSING, MOSQUITTO, Mosquitto  # noqa: E402
from mqtt_probe import Probe  # noqa: E402
from mqtt_side import Side, guardian_at  # noqa: E402


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    if not MOSQUITTO:
        pytest.skip(MISSING)
    with Mosquitto(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.fixture(scope="module")
def guardian(broker: Mosquitto, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeGuardian]:
    with guardian_at(tmp_path_factory.mktemp("g") / "g.sock", broker.port) as fake:
        yield fake


@pytest.fixture(scope="module")
def side(guardian: FakeGuardian) -> Iterator[Side]:
    with Side(guardian.path) as running:
        yield running
    assert running.mistakes == 0


@pytest.fixture
def probe(broker: Mosquitto, side: Side, guardian: FakeGuardian) -> Iterator[Probe]:
    """Somebody who hears everything, and the guardian with nothing left from the test before."""
    guardian.held_by = {}
    with Probe(broker.port, "powerwarden/#") as running:
        running.until_kept("powerwarden/status", lambda said: said == "online")
        while not guardian.asks.empty():
            guardian.asks.get_nowait()
        yield running
