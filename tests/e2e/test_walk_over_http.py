"""One walk of a running house over its real HTTP interface: processes, sockets, wires, the clock on the wall (H28)."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest
from running_house import ROOT, RunningHouse

LONGEST_S = 120


@pytest.fixture(scope="module")
def house() -> Iterator[RunningHouse]:
    house = RunningHouse()
    try:
        house.until_mode("normal")
        house.until(house.healthy, "the gateway answers")
        for key, watt in (("load_l1_w", 400), ("load_l2_w", 250), ("load_l3_w", 150)):
            house.fault("plant", set=key, value=watt)
        house.fault("plant", fault="clamp_reversed", meter="meter", phase=2)
        yield house
    finally:
        house.close()


def walk(house: RunningHouse, *more: str) -> subprocess.CompletedProcess[str]:
    token = house.dir / "walk.token"
    token.write_text("demo-optimiser\n")
    words = ["walk", str(house.site), "--api", house.url, "--token-file", str(token), "--run-dir", str(house.dir)]
    command = [sys.executable, "-m", "supervisor.cli", *words, *more]
    return subprocess.run(command, capture_output=True, text=True, timeout=LONGEST_S, cwd=ROOT, check=False)


def test_a_walk_over_http_finds_a_reversed_clamp_and_gives_all_back(house: RunningHouse) -> None:
    done = walk(house)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "meter: the clamp of L2 sits the wrong way round" in done.stdout
    assert "wallbox.current: asking for 6 A" in done.stdout
    kept = json.loads((house.dir / "walk.json").read_text())
    assert kept["verdict"] == "wrong"
    assert kept["by"] == "optimiser"
    assert kept["digest"] == house.http("GET", "/v1/state")[1]["guardian"]["digest"]
    target = house.http("GET", "/v1/targets/wallbox.current")[1]
    assert target["lease"] is None
    assert "demo-optimiser" not in done.stdout + (house.dir / "walk.json").read_text()


def test_a_walk_of_other_documents_than_those_that_run_is_refused(house: RunningHouse) -> None:
    with (house.site / "20-house.yaml").open("a") as file:
        file.write("# one more word\n")
    done = walk(house)
    assert done.returncode == 2
    assert "the product runs other documents" in done.stderr
