"""What people may write, how it reaches the guardian, and how its decision comes back."""

from __future__ import annotations

import json

import pytest
from conftest import Gateway
from fake_guardian import FakeGuardian
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from supervisor.gateway.link import monotonic_ms
from supervisor.wire import Verb

TEN_AMPS = {"value": 10, "unit": "A", "kind": "live", "duration_s": 30, "request_id": "r1"}


def test_a_setpoint_reaches_the_guardian_in_kernel_units_and_its_grant_comes_back(
    gateway: Gateway, guardian: FakeGuardian
) -> None:
    before_ms = monotonic_ms()
    response = gateway.put("wallbox.current_limit", TEN_AMPS)
    assert response.status_code == 200
    ask = guardian.next_ask()
    assert (ask.verb, ask.identity, ask.target) == (Verb.SET, "homeassistant", "wallbox.current_limit")
    assert (ask.value, ask.unit, ask.kind, ask.duration_ms) == (10_000, "mA", "live", 30_000)
    assert ask.request_id == "r1"
    assert not ask.dry_run
    assert before_ms <= ask.received_ms <= monotonic_ms()
    said = response.json()
    assert (said["verdict"], said["value"], said["unit"]) == ("granted", 10, "A")
    assert said["lease"]["holder"] == "homeassistant"
    assert said["lease"]["expires_in_s"] == 30


def test_a_clip_says_which_rule_and_what_it_saw(gateway: Gateway) -> None:
    response = gateway.put("wallbox.current_limit", TEN_AMPS | {"value": 16})
    assert response.status_code == 200
    said = response.json()
    assert (said["verdict"], said["value"]) == ("clipped", 13)
    saw = [{"signal": "meter.current_l1", "value": "12.3 A good"}]
    assert said["clauses"] == [{"rule": "main_fuse", "effect": "clips", "text": "35 A per phase", "saw": saw}]


def test_a_refusal_is_403_with_its_reasons(gateway: Gateway) -> None:
    response = gateway.put("battery.charge_power", TEN_AMPS | {"unit": "W"})
    assert response.status_code == 403
    said = response.json()
    assert (said["verdict"], said["value"], said["lease"]) == ("refused", None, None)
    assert said["clauses"][0]["rule"] == "cell_cold"


def test_another_holder_is_409(gateway: Gateway, guardian: FakeGuardian) -> None:
    guardian.held_by["wallbox.current_limit"] = "nodered"
    response = gateway.put("wallbox.current_limit", TEN_AMPS)
    assert response.status_code == 409
    assert "nodered holds it" in response.json()["clauses"][0]["text"]


def test_a_dry_run_says_so(gateway: Gateway, guardian: FakeGuardian) -> None:
    assert gateway.put("wallbox.current_limit", TEN_AMPS, dry_run="true").json()["lease"] is None
    assert guardian.next_ask().dry_run
    assert gateway.put("wallbox.current_limit", TEN_AMPS, dry_run="yes").status_code == 422


@pytest.mark.parametrize(
    ("path", "verb", "target"),
    [
        ("/v1/targets/wallbox.current_limit/renew", Verb.RENEW, "wallbox.current_limit"),
        ("/v1/targets/wallbox.current_limit/release", Verb.RELEASE, "wallbox.current_limit"),
        ("/v1/targets/wallbox.current_limit/stop", Verb.STOP, "wallbox.current_limit"),
        ("/v1/stop", Verb.STOP, ""),
        ("/v1/heartbeat", Verb.HEARTBEAT, ""),
    ],
)
def test_every_other_verb(gateway: Gateway, guardian: FakeGuardian, path: str, verb: Verb, target: str) -> None:
    response = gateway.post(path, "nodered")
    assert response.status_code == 200
    assert response.json()["verdict"] == "done"
    ask = guardian.next_ask()
    assert (ask.verb, ask.target, ask.identity) == (verb, target, "nodered")


def test_two_wishes_without_an_id_are_two_wishes(gateway: Gateway, guardian: FakeGuardian) -> None:
    body = {"value": 10, "unit": "A"}
    ids = [gateway.put("wallbox.current_limit", body).json()["request_id"] for _ in range(2)]
    assert ids[0] != ids[1]
    assert [guardian.next_ask().request_id for _ in range(2)] == ids


@pytest.mark.parametrize(
    ("target", "body", "kernel"),
    [
        ("wallbox.current_limit", '{"value": 10, "unit": "A"}', 10_000),
        ("wallbox.current_limit", '{"value": 6.5, "unit": "A"}', 6_500),
        ("wallbox.current_limit", '{"value": 0.001, "unit": "A"}', 1),
        ("wallbox.current_limit", '{"value": 16000, "unit": "mA"}', 16_000),
        ("wallbox.current_limit", '{"value": 1.6e1, "unit": "A"}', 16_000),
        ("wallbox.current_limit", '{"value": -1, "unit": "A"}', -1_000),
        ("battery.charge_power", '{"value": 4.2, "unit": "kW"}', 4_200_000),
        ("battery.charge_power", '{"value": 0.1, "unit": "W"}', 100),
        ("battery.soc_max", '{"value": 70, "unit": "%"}', 700),
        ("battery.soc_max", '{"value": 70.5, "unit": "%"}', 705),
        ("battery.soc_max", '{"value": 705, "unit": "permille"}', 705),
        ("heater.relay", '{"value": "on", "unit": "on/off"}', 1),
        ("heater.relay", '{"value": "off", "unit": "flag"}', 0),
        ("heater.relay", '{"value": 1, "unit": "flag"}', 1),
    ],
)
def test_units_that_people_write(gateway: Gateway, guardian: FakeGuardian, target: str, body: str, kernel: int) -> None:
    assert gateway.put(target, body.encode()).status_code in (200, 403)
    assert guardian.next_ask().value == kernel


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b"\xff\xfe",
        b"{}",
        b'{"value": 10}',
        b'{"unit": "A"}',
        b'{"value": "10", "unit": "A"}',
        b'{"value": true, "unit": "A"}',
        b'{"value": null, "unit": "A"}',
        b'{"value": [10], "unit": "A"}',
        b'{"value": NaN, "unit": "A"}',
        b'{"value": Infinity, "unit": "A"}',
        b'{"value": 1e99, "unit": "A"}',
        b'{"value": 1e999999999, "unit": "A"}',
        b'{"value": 0010, "unit": "A"}',
        b'{"value": 9007199254740993, "unit": "mA"}',
        b'{"value": 100000000000000000000000000000000000, "unit": "A"}',
        b'{"value": 6.0005, "unit": "A"}',
        b'{"value": 0.5, "unit": "mA"}',
        b'{"value": "on", "unit": "A"}',
        b'{"value": 10, "unit": "a"}',
        b'{"value": 10, "unit": "W"}',
        b'{"value": 10, "unit": ""}',
        b'{"value": 10, "unit": null}',
        b'{"value": 10, "unit": "A", "kind": "forever"}',
        b'{"value": 10, "unit": "A", "kind": "LIVE"}',
        b'{"value": 10, "unit": "A", "duration": 30}',
        b'{"value": 10, "unit": "A", "duration_s": "30"}',
        b'{"value": 10, "unit": "A", "duration_s": 0}',
        b'{"value": 10, "unit": "A", "duration_s": -1}',
        b'{"value": 10, "unit": "A", "duration_s": 1e9}',
        b'{"value": 10, "unit": "A", "duration_s": 0.0001}',
        b'{"value": 10, "unit": "A", "request_id": 1}',
        b'{"value": 10, "unit": "A", "request_id": "a\\u001b[2J"}',
        b'{"value": 10, "unit": "A", "request_id": "a\\n"}',
        b'{"value": 10, "unit": "A", "request_id": "' + b"a" * 65 + b'"}',
        b'{"value": 10, "unit": "A"} trailing',
        b"[" * 8_000,
    ],
)
def test_bodies_that_mean_nothing_are_422_and_reach_nobody(
    gateway: Gateway, guardian: FakeGuardian, body: bytes
) -> None:
    response = gateway.put("wallbox.current_limit", body)
    assert response.status_code == 422
    error = response.json()["error"]
    assert set(error) == {"code", "message", "remedy"}
    assert all(error.values())
    assert guardian.asks.empty()


@pytest.mark.parametrize("value", ["2", "true", '"yes"', '"1"', "0.5"])
def test_a_switch_is_on_or_off(gateway: Gateway, value: str) -> None:
    response = gateway.put("heater.relay", f'{{"value": {value}, "unit": "flag"}}'.encode())
    assert response.status_code == 422


def test_a_value_finer_than_the_kernel_names_the_step(gateway: Gateway) -> None:
    error = gateway.put("wallbox.current_limit", {"value": 6.0005, "unit": "A"}).json()["error"]
    assert "0.001 A" in error["message"]
    assert "step 1 A" in error["remedy"]


def test_a_body_over_8_kib_is_413(gateway: Gateway) -> None:
    assert gateway.put("wallbox.current_limit", b" " * 8_193).status_code == 413
    assert gateway.post("/v1/heartbeat", content=b" " * 8_193).status_code == 413
    assert gateway.put("wallbox.current_limit", TEN_AMPS).status_code == 200


@pytest.mark.parametrize("path", ["/v1/stop", "/v1/targets/heater.relay/stop", "/v1/targets/heater.relay/release"])
@pytest.mark.parametrize("body", [b"{", b"x" * 20_000])
def test_no_body_can_spoil_a_stop_or_a_release(
    gateway: Gateway, guardian: FakeGuardian, path: str, body: bytes
) -> None:
    assert gateway.post(path, content=body).status_code == 200
    assert guardian.next_ask().verb in (Verb.STOP, Verb.RELEASE)


def test_renew_takes_a_duration_and_nothing_else(gateway: Gateway, guardian: FakeGuardian) -> None:
    path = "/v1/targets/wallbox.current_limit/renew"
    assert gateway.post(path, content=b'{"duration_s": 12.5}').status_code == 200
    assert guardian.next_ask().duration_ms == 12_500
    assert gateway.post(path, content=b'{"value": 16}').status_code == 422
    assert gateway.post("/v1/heartbeat", content=b'{"renew": 1}').status_code == 422


def test_unknown_targets_paths_and_methods(gateway: Gateway) -> None:
    assert gateway.put("wallbox.voltage", TEN_AMPS).json()["error"]["code"] == "unknown_target"
    assert gateway.post("/v1/targets/nobody/stop").status_code == 404
    assert gateway.http.get("/v2").json()["error"]["code"] == "not_found"
    assert gateway.http.delete("/v1/state").json()["error"]["code"] == "method_not_allowed"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "value": JSON | st.floats(-20, 20) | st.decimals(-99, 99, places=3).map(float),
        "unit": JSON | st.sampled_from(["A", "mA", "W", "%", "flag"]),
        "kind": JSON | st.sampled_from(["live", "setting"]),
        "duration_s": JSON | st.floats(0, 100),
        "request_id": JSON | st.text(max_size=70),
        "extra": JSON,
    },
).map(lambda fields: json.dumps(fields).encode())


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=FIELDS | st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()),
    target=st.sampled_from(["wallbox.current_limit", "heater.relay", "battery.soc_max"]),
)
def test_no_body_whatever_makes_the_gateway_stumble(gateway: Gateway, body: bytes, target: str) -> None:
    response = gateway.put(target, body)
    assert response.status_code in (200, 403, 413, 422)
    assert response.headers["content-type"] == "application/json"
