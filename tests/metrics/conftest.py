"""One house, one Prometheus that reads it, and one InfluxDB for all tests here: started once, ended at the end."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / name) for name in ("gateway", "e2e") if str(TESTS / name) not in sys.path]

from metrics_peers import InfluxDb, Prometheus, needed  # noqa: E402  # the folders above come first
from running_house import RunningHouse, running_house  # noqa: E402  # the folders above come first


@pytest.fixture(scope="session")
def house() -> Iterator[RunningHouse]:
    """The example house in which a bit has happened: a grant, a clip, a refusal, a denial."""
    with running_house() as running:
        running.until_mode("normal")
        assert running.http("POST", "/v1/heartbeat")[0] == 200
        running.set("wallbox.current", 10, "A")
        running.set("wallbox.current", 40, "A", duration_s=3_600)
        wish = {"value": 1, "unit": "flag", "kind": "live"}
        assert running.http("PUT", "/v1/targets/relays.coil_2/setpoint", wish)[0] == 403
        assert running.http("PUT", "/v1/targets/relays.coil_1/setpoint", wish, token="nobody's")[0] == 401
        running.set("relays.coil_1", 1, "flag", duration_s=3_600)
        running.until(lambda: running.metrics()['powerwarden_decisions_total{verdict="refused"}'] == 1, "it is counted")
        yield running


@pytest.fixture(scope="session")
def prometheus(house: RunningHouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    needed("prometheus", "apt-get install prometheus")
    with Prometheus(house.listen, tmp_path_factory.mktemp("prometheus")) as running:
        yield running


@pytest.fixture(scope="session")
def influx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxDb]:
    needed("influxd", "apt-get install influxdb")
    with InfluxDb(tmp_path_factory.mktemp("influx")) as running:
        yield running
