"""A power cut on the loopback bench: nobody says a word, and nothing that the scenario has broken is mended by it.

The devices are the real cores, asked in this process instead of over their sockets.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import cast

import pytest
from loopback_parts import house_scene

from hil.bench.lookout import Lookout
from hil.bench.power import DarkHouse, GridVolts
from hil.bench.world import World
from hil.can_frame import Frame
from hil.scenario.model import ToDevice
from hil.sim.device import CanDevice, Json
from hil.sim.relaynode_frames import command_frame
from hil.unix_socket import RigError

SETTLED_MS = 10_000


class Hand:
    """A house whose devices are asked as over their control sockets."""

    def __init__(self, folder: Path) -> None:
        self.world = World(house_scene(folder).house, 1, 0)
        self.house = self.world.house
        self.grid = GridVolts()

    def ask(self, device: str, request: Mapping[str, object]) -> Json:
        there = self.world.plant if device == "plant" else self.world.devices[device]
        reply = there.control(request, self.world.now_ms)
        if not reply["ok"]:
            raise RigError(str(reply["error"]))
        self.grid.hear(device, request)
        return reply

    def cut(self) -> DarkHouse:
        return DarkHouse(self.house, cast(Lookout, self), self.grid.now)

    def node(self) -> CanDevice:
        node = self.world.devices["relays"]
        assert isinstance(node, CanDevice)
        return node

    def said(self, for_ms: int) -> dict[str, list[Frame]]:
        """What each device says in so long."""
        found: dict[str, list[Frame]] = {"battery": [], "relays": []}
        for now_ms in range(self.world.now_ms, self.world.now_ms + for_ms, 50):
            self.world.now_ms = now_ms
            for name, frames in found.items():
                device = self.world.devices[name]
                assert isinstance(device, CanDevice)
                frames += device.poll(self.world.now_ms)
        return found

    def close_contact(self) -> None:
        """What the product would send: two commands with a pulse each, and the time that a contact travels."""
        self.command(1, (1, 2))
        self.said(1_000)

    def command(self, coils: int, counters: Iterable[int]) -> None:
        for counter in counters:
            self.node().on_frame(command_frame(1, coils, counter % 2, counter), self.world.now_ms)

    def closed(self) -> object:
        return self.node().state(self.world.now_ms)["closed"]

    def volts(self) -> object:
        return self.ask("plant", {"get": "state"})["state"]["voltage_v"]  # type: ignore[index]


@pytest.fixture
def hand(tmp_path: Path) -> Hand:
    return Hand(tmp_path)


def test_nobody_says_a_word_in_the_dark_and_everybody_speaks_again_after_it(hand: Hand) -> None:
    assert all(hand.said(SETTLED_MS).values())
    dark = hand.cut()
    assert hand.said(SETTLED_MS) == {"battery": [], "relays": []}
    assert hand.volts() == [0, 0, 0]
    dark.end()
    assert all(hand.said(SETTLED_MS).values())
    assert min(cast(list[float], hand.volts())) > 220


def test_contacts_are_open_in_the_dark_and_a_late_command_closes_none(hand: Hand) -> None:
    hand.close_contact()
    assert hand.closed() == [True, False]
    dark = hand.cut()
    hand.command(1, (3, 4))  # they were on their way when the power failed
    hand.said(1_000)
    assert hand.closed() == [False, False]
    dark.end()
    hand.said(1_000)
    assert hand.closed() == [False, False], "until somebody commands it anew"


def test_the_status_after_a_cut_is_as_on_the_virtual_bench(hand: Hand, tmp_path: Path) -> None:
    hand.close_contact()
    dark = hand.cut()
    hand.said(2_000)
    dark.end()
    world = World(hand.house, 1, 0)
    world.power(on=False)
    world.run(2_000)
    world.power(on=True)
    there = world.devices["relays"].state(2_000)
    here = hand.node().state(hand.world.now_ms)
    assert {key: here[key] for key in ("supply_v", "permit", "coils_commanded", "closed")} == {
        key: there[key] for key in ("supply_v", "permit", "coils_commanded", "closed")
    }
    assert here["drop_reason"] == "none", "a supply that was cut off is no supply that sagged"


def test_what_the_scenario_has_broken_stays_broken(hand: Hand) -> None:
    hand.ask("battery", {"fault": "silent"})
    hand.ask("plant", {"set": "grid_l2_v", "value": 0})
    hand.ask("plant", {"set": "grid_l3_v", "value": 207})
    dark = hand.cut()
    hand.said(1_000)
    dark.end()
    assert hand.said(SETTLED_MS)["battery"] == []
    one, two, three = cast(list[float], hand.volts())
    assert one > 220
    assert two == 0
    assert 200 < three < 210


def test_what_happens_in_the_dark_lasts_beyond_it_and_makes_no_light(hand: Hand) -> None:
    dark = hand.cut()
    dark.ask("battery", {"fault": "silent"})
    dark.ask("plant", {"set": "grid_v", "value": 207})
    dark.ask("relays", {"fault": "welded", "contact": 2})
    dark.ask("relays", {"clear": True})
    assert hand.said(SETTLED_MS) == {"battery": [], "relays": []}
    assert hand.volts() == [0, 0, 0]
    dark.end()
    said = hand.said(SETTLED_MS)
    assert said["battery"] == []
    assert said["relays"]
    assert max(cast(list[float], hand.volts())) < 210


def test_a_silence_that_is_cleared_in_the_dark_is_over_when_the_light_is_back(hand: Hand) -> None:
    hand.ask("battery", {"fault": "silent"})
    dark = hand.cut()
    dark.ask("battery", {"clear": "silent"})
    assert hand.said(SETTLED_MS)["battery"] == []
    dark.end()
    assert hand.said(SETTLED_MS)["battery"]


def test_on_the_virtual_bench_the_grid_can_be_set_for_after_a_cut(hand: Hand) -> None:
    world = World(hand.house, 1, 0)
    world.control("plant", {"set": "grid_l2_v", "value": 0})
    world.power(on=False)
    world.control("plant", dict(ToDevice("plant", {"set": "grid_l3_v", "value": 207}).request))
    world.run(1_000)
    assert world.plant.voltages() == [0, 0, 0]
    world.power(on=True)
    world.run(2_000)
    one, two, three = world.plant.voltages()
    assert one > 220
    assert two == 0
    assert 200 < three < 210
