"""What reaches a cycle: bounded, only what a bus may speak of, and early only when it matters."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from supervisor import wire
from supervisor.guardian.inbox import BURST, REQUESTS_MAX, Inbox
from supervisor.guardian.peers import Peer
from supervisor.kernel.image import absorb, blank
from supervisor.kernel.signal import Quality, Sample
from supervisor.loader.load import load

LOADED = load(Path("policies/uc001"))
PEER = Peer(socket.socket())
SOC = next(i for i, signal in enumerate(LOADED.plan.signals) if signal.id == "battery.soc")
MODULES = next(i for i, signal in enumerate(LOADED.plan.signals) if signal.id == "battery.modules")


@pytest.fixture
def inbox() -> Inbox:
    return Inbox(LOADED.plan, LOADED.site, blank(LOADED.plan.signals), 0)


def ask(verb: wire.Verb = wire.Verb.SET) -> wire.Ask:
    return wire.Ask(1, verb, "phone", "wallbox.current", 6_000, "mA", "live", None, "", 0, False)


def test_a_bus_cannot_speak_of_another_ones_devices(inbox: Inbox) -> None:
    inbox.take_samples("lan", wire.Samples((Sample(SOC, 500, 1, Quality.GOOD),)), 1)
    assert inbox.foreign == 1
    assert inbox.image[SOC].quality is Quality.MISSING


def test_a_changed_answer_brings_the_cycle_forward_and_a_mere_value_does_not(inbox: Inbox) -> None:
    inbox.take_samples("can0", wire.Samples((Sample(MODULES, 6, 1, Quality.GOOD),)), 1)
    assert not inbox.early
    inbox.take_samples("can0", wire.Samples((Sample(SOC, 150, 1, Quality.GOOD),)), 1)
    assert inbox.early


def test_requests_are_bounded_but_a_stop_always_finds_a_place(inbox: Inbox) -> None:
    assert all(inbox.take_ask(PEER, ask(), 1) for _ in range(REQUESTS_MAX))
    assert not inbox.take_ask(PEER, ask(), 1)
    assert inbox.take_ask(PEER, ask(wire.Verb.STOP), 1)
    assert inbox.take_ask(PEER, ask(wire.Verb.RELEASE), 1)


def test_early_cycles_of_the_gateway_have_a_budget_that_refills(inbox: Inbox) -> None:
    def early(now_ms: int) -> bool:
        inbox.clear()
        inbox.take_ask(PEER, ask(), now_ms)
        return inbox.early

    assert [early(1) for _ in range(BURST + 1)] == [True] * BURST + [False]
    assert early(7), "180 a second: one every 5.6 ms"
    assert not early(7)


def test_what_is_recorded_of_a_reading_from_the_future_is_what_the_image_made_of_it(inbox: Inbox) -> None:
    inbox.take_samples("can0", wire.Samples((Sample(SOC, 500, 9_000, Quality.GOOD),)), 1_000)
    assert [sample.at_ms for sample in inbox.samples] == [1_000]
    later = absorb(LOADED.plan.signals, inbox.recorded, inbox.samples, 5_000)
    assert later == inbox.image, "absorbed later, as a replay does, it says the same"
