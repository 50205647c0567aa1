"""The users' request/response scheme: every command, for everything that the site has."""

from __future__ import annotations

from typing import Any

import pytest
from fake_guardian import DESCRIBE, FakeGuardian
from mqtt_probe import Probe
from mqtt_side import Side

from supervisor.gateway.denials import Reason
from supervisor.wire import Verb

ME = "powerwarden/request/homeassistant"
CURRENT = "wallbox.current_limit"
TARGETS = [(info.id, info.unit) for info in DESCRIBE.targets]
UNITS = {"mA": "A", "mW": "W", "flag": "flag", "permille": "%"}
DEVICES = ["meter", "wallbox", "battery", "heater"]


def asked(probe: Probe, command: str, comp: str = "", **more: Any) -> Any:
    body = {"request_id": "q1", "command": command, "comp": comp} | more
    answer = probe.ask(ME, body)
    assert {name: answer[name] for name in body} == body, "everything that was asked comes back"
    assert isinstance(answer["values"], dict)
    return answer


@pytest.mark.parametrize(("target", "unit"), TARGETS)
def test_each_target_can_be_set_renewed_released_stopped_read_described_and_explained(
    probe: Probe, guardian: FakeGuardian, target: str, unit: str
) -> None:
    quantity = {"value": 1, "unit": UNITS[unit]}
    duration = {"value": 20, "unit": "s"}
    parameters = {"value": quantity, "kind": "setting", "duration": duration}
    answer = asked(probe, "set", target, parameters=parameters, node="powerwarden")
    ask = guardian.next_ask()
    assert (ask.verb, ask.target, ask.kind, ask.duration_ms, ask.request_id) == (
        Verb.SET,
        target,
        "setting",
        20_000,
        "q1",
    )
    if answer["verdict"] != "refused":
        assert set(answer["values"]["value"]) == {"value", "unit"}
        assert answer["values"]["expires_in"] == {"value": 20, "unit": "s"}
        assert "error" not in answer
    else:
        assert answer["error"]["code"] == "refused"
    for command, verb in (("renew", Verb.RENEW), ("release", Verb.RELEASE), ("stop", Verb.STOP)):
        assert asked(probe, command, target)["verdict"] == "done"
        ask = guardian.next_ask()
        assert (ask.verb, ask.target) == (verb, target)
    for command in ("get", "describe", "why"):
        values = asked(probe, command, target)["values"]
        assert values
        assert all({"value", "unit"} <= set(value) for value in values.values())


@pytest.mark.parametrize("device", DEVICES)
def test_each_device_can_be_read_described_and_explained(probe: Probe, device: str) -> None:
    for command in ("get", "describe", "why"):
        answer = asked(probe, command, device)
        assert "error" not in answer
        assert all({"value", "unit"} <= set(value) for value in answer["values"].values())


def test_the_house_is_what_is_asked_when_nothing_is_named(probe: Probe, guardian: FakeGuardian) -> None:
    assert asked(probe, "get")["values"]["mode"]["value"] == "degraded"
    described = asked(probe, "describe")
    assert described["targets"] == [target for target, _unit in TARGETS]
    assert described["devices"] == sorted(DEVICES)
    assert asked(probe, "why")["reasons"] == ["cell_cold acts: lithium is not charged below 0 °C"]
    assert asked(probe, "stop")["verdict"] == "done"
    assert (guardian.next_ask().target, guardian.asks.empty()) == ("", True)
    assert asked(probe, "heartbeat", parameters={"number": 8})["verdict"] == "done"
    assert guardian.next_ask().number == 8


def test_a_device_with_one_target_stands_for_it_and_one_with_several_does_not(
    probe: Probe, guardian: FakeGuardian
) -> None:
    ten = {"value": {"value": 10, "unit": "A"}}
    assert asked(probe, "set", "wallbox", parameters=ten)["verdict"] == "granted"
    assert guardian.next_ask().target == CURRENT
    refused = asked(probe, "stop", "battery")
    assert refused["error"]["code"] == "unknown_target"
    assert "battery.charge_power, battery.soc_max" in refused["error"]["remedy"]


def test_a_signal_is_read_with_its_quality(probe: Probe) -> None:
    values = asked(probe, "get", "meter.current_l1")["values"]
    assert (values["current_l1"]["value"], values["current_l1"]["unit"]) == (12.345, "A")
    assert values["current_l1"]["quality"] == "good"


def test_a_refusal_is_an_error_with_the_reasons_in_it(probe: Probe, guardian: FakeGuardian) -> None:
    guardian.held_by = {CURRENT: "somebody"}
    answer = asked(probe, "set", CURRENT, parameters={"value": {"value": 10, "unit": "A"}})
    assert (answer["verdict"], answer["values"]) == ("refused", {})
    assert "somebody holds it" in answer["error"]["message"]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"command": "fly"}, "bad_body"),
        ({"command": "set", "comp": CURRENT}, "bad_body"),
        ({"command": "set", "comp": CURRENT, "parameters": {"value": 10}}, "bad_body"),
        ({"command": "set", "comp": CURRENT, "parameters": {"value": {"value": "10", "unit": "A"}}}, "bad_body"),
        ({"command": "set", "comp": CURRENT, "parameters": {"value": {"value": True, "unit": "A"}}}, "bad_body"),
        ({"command": "set", "comp": CURRENT, "parameters": {"value": {"value": 10, "unit": "W"}}}, "bad_body"),
        ({"command": "renew", "comp": CURRENT, "parameters": {"duration": {"value": 1, "unit": "A"}}}, "bad_body"),
        ({"command": "renew", "comp": CURRENT, "parameters": {"duration": {"value": 999, "unit": "h"}}}, "bad_body"),
        ({"command": "get", "comp": "wallbox", "parameters": {"fast": True}}, "bad_body"),
        ({"command": "get", "comp": "wallbox", "identity": "nodered"}, "bad_body"),
        ({"command": "get", "comp": "nothing"}, "unknown_comp"),
        ({"command": "set", "comp": "nothing", "parameters": {}}, "unknown_target"),
        ({"command": "get", "node": "another house"}, "unknown_node"),
        ({"command": "get", "time": 1_000}, "expired"),
        ({"command": "get", "time": "yesterday"}, "bad_body"),
    ],
)
def test_what_is_wrong_is_answered_with_an_error_and_all_that_was_asked(
    probe: Probe, guardian: FakeGuardian, wrong: dict[str, Any], code: str
) -> None:
    answer = probe.ask(ME, {"request_id": "w"} | wrong)
    known = {name: value for name, value in wrong.items() if name != "identity"}
    assert {name: answer[name] for name in known} == known
    assert (answer["request_id"], answer["error"]["code"], answer["values"]) == ("w", code, {})
    assert guardian.asks.empty()


@pytest.mark.parametrize("rubbish", [b"", b"no json", b"[1]", b"\xff", b'"get"', b"{" * 3_000, b" " * 9_000])
def test_rubbish_gets_an_error_too(probe: Probe, rubbish: bytes) -> None:
    assert set(probe.ask(ME, rubbish)) == {"values", "error"}


def test_a_retained_request_is_refused_and_a_retained_stop_is_carried_out(
    probe: Probe, guardian: FakeGuardian, side: Side
) -> None:
    ten = {"command": "set", "comp": "wallbox", "parameters": {"value": {"value": 10, "unit": "A"}}}
    before = side.denied(Reason.MQTT_RETAINED)
    assert probe.ask(ME, ten, retain=True)["error"]["code"] == "retained"
    assert probe.ask(ME, {"command": "stop"}, retain=True)["verdict"] == "done"
    assert guardian.next_ask().verb is Verb.STOP
    probe.until(lambda: ME not in probe.kept, "both are taken away")
    assert side.denied(Reason.MQTT_RETAINED) == before + 2
    assert guardian.asks.empty()
