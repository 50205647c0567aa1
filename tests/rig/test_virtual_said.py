"""What the harness says of the product is what the guardian would tell its gateway in the same moment."""

from __future__ import annotations

import pytest
from virtual_course import HOUSES, random_scenario

from hil.bench.virtual import VirtualBench
from hil.unix_socket import RigError
from supervisor.harness.house import _SCALE, Said


def pictured(bench: VirtualBench) -> Said:
    """The same from the whole picture."""
    picture = bench.harness.picture()
    if picture is None:
        return Said(bench.harness.said().mode, {}, {})
    told, shown = picture
    machines = {info.id: info.states[at.state] for info, at in zip(told.machines, shown.machines, strict=True)}
    outputs = {
        info.id: None if at.output is None else at.output / _SCALE.get(info.unit, ("", 1))[1]
        for info, at in zip(told.targets, shown.targets, strict=True)
    }
    return Said(shown.mode, machines, outputs)


@pytest.mark.parametrize("house", HOUSES)
def test_what_is_said_is_what_the_picture_shows(house: str) -> None:
    scenario = random_scenario(house, 7, length_ms=12_000)
    bench, seen = VirtualBench(skip=True), 0
    bench.open(scenario, scenario.seed)
    try:
        for event in [*scenario.events, None]:
            for _ in bench.advance(scenario.length_ms if event is None else event.at_ms):
                assert bench.harness.said() == pictured(bench)
                seen += bool(bench.harness.said().machines)
            try:
                if event is not None:
                    bench.do(event.action)
            except RigError:
                continue  # a fault that this device cannot have without parameters
    finally:
        bench.close()
    assert seen > 100
