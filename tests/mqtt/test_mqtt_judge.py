"""What becomes of a message, without a broker: nothing that comes makes it raise, and nothing dubious is asked."""

from __future__ import annotations

import json
import string
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mqtt_side import described
from msgspec.structs import replace

from supervisor.gateway.denials import Reason
from supervisor.gateway.door import Door, Rate, Rates
from supervisor.gateway.mqtt import judge, request
from supervisor.gateway.mqtt.heard import Heard
from supervisor.gateway.mqtt.judge import Nothing, Now, Order, Refusal
from supervisor.gateway.mqtt.topics import Topics
from supervisor.gateway.mqtt.verdict import outcome
from supervisor.gateway.problem import Problem
from supervisor.wire import Verb

TOPICS = Topics("powerwarden")
TOLD = described(1883)
NOW = Now(1_000_000, 1_795_262_400.0)
ME = "powerwarden/ask/homeassistant"
SET = f"{ME}/set/wallbox.current_limit"
TEN = {"value": 10, "unit": "A"}
WORDS = [
    "powerwarden",
    "ask",
    "request",
    "homeassistant",
    "panels",
    "nodered",
    "set",
    "slide",
    "renew",
    "release",
    "stop",
]
WORDS += ["heartbeat", "wallbox.current_limit", "heater.relay", "", "+", "#", "$SYS", "..", "%2f", "\0", "é", "\ud800"]


def judged(topic: str, body: object = b"", **flags: bool) -> object:
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    return outcome(Heard(topic, payload, **flags), TOPICS, TOLD, NOW)


def reason(topic: str, body: object = b"", **flags: bool) -> tuple[Reason, str]:
    found = judged(topic, body, **flags)
    assert isinstance(found, Refusal), found
    return found.reason, found.problem.code


def test_a_possible_repetition_is_asked_when_its_request_id_tells_and_refused_when_nothing_does() -> None:
    assert reason(SET, TEN, duplicate=True) == (Reason.MQTT_DUPLICATE, "duplicate")
    assert reason(f"{ME}/renew/wallbox.current_limit", duplicate=True) == (Reason.MQTT_DUPLICATE, "duplicate")
    assert reason(f"{ME}/slide/wallbox.current_limit", b"10", duplicate=True) == (Reason.MQTT_DUPLICATE, "duplicate")
    again = judged(SET, TEN | {"request_id": "r"}, duplicate=True)
    assert isinstance(again, Order)
    assert again.ask.request_id == "r"


@pytest.mark.parametrize("act", ["stop", "stop/heater.relay", "release/heater.relay"])
@pytest.mark.parametrize("flags", [{"duplicate": True}, {"retain": True}, {"duplicate": True, "retain": True}, {}])
@pytest.mark.parametrize("body", [b"", b"\xff", b'{"sent": 1}', b"[" * 100_000])
def test_nothing_about_a_stop_or_release_can_be_wrong(act: str, flags: dict[str, bool], body: bytes) -> None:
    order = judged(f"{ME}/{act}", body, **flags)
    assert isinstance(order, Order)
    assert order.ask.verb in (Verb.STOP, Verb.RELEASE)


def test_a_heartbeat_may_be_heard_twice_and_may_not_be_kept() -> None:
    assert isinstance(judged(f"{ME}/heartbeat", duplicate=True), Order)
    assert reason(f"{ME}/heartbeat", {"number": 1}, retain=True) == (Reason.MQTT_RETAINED, "retained")
    assert isinstance(judged(f"{ME}/heartbeat", retain=True), Nothing)


@pytest.mark.parametrize("sent", [1_795_262_400, "2026-11-21T12:00:00Z", "2026-11-21T13:00:00.5+01:00"])
def test_while_this_box_does_not_know_the_time_no_age_is_believed(sent: object) -> None:
    heard = Heard(SET, json.dumps(TEN | {"sent": sent}).encode())
    lost = outcome(heard, TOPICS, TOLD, Now(1_000_000, 4_000.0))
    assert isinstance(lost, Refusal)
    assert (lost.reason, lost.problem.code) == (Reason.MQTT_EXPIRED, "age_unknown")
    without = outcome(Heard(SET, json.dumps(TEN).encode()), TOPICS, TOLD, Now(1_000_000, 4_000.0))
    assert isinstance(without, Order)


@pytest.mark.parametrize("sent", [1_795_262_400 * 1_000, 0, -1, 1e300, "2026-11-21", "now", "", True, None, [], {}])
def test_a_time_in_other_units_or_none_at_all_is_never_taken_for_now(sent: object) -> None:
    assert reason(SET, TEN | {"sent": sent})[0] in (Reason.MQTT_EXPIRED, Reason.MQTT_BODY)


def test_identities_without_a_login_here_and_the_other_doors_topics_are_nobodys() -> None:
    assert reason("powerwarden/ask/nodered/stop")[0] is Reason.MQTT_IDENTITY
    assert reason("powerwarden/ask/homeassistant")[0] is Reason.MQTT_TOPIC
    bare = replace(TOLD, identities=())
    assert isinstance(outcome(Heard(f"{ME}/stop", b""), TOPICS, bare, NOW), Refusal)


def test_the_rates_are_those_of_http_and_a_stop_has_its_own() -> None:
    door = Door(Rates(Rate(1_000, 1_000), Rate(1, 2), Rate(100, 100)))

    def admit(name: str, urgent: bool) -> None:
        door.admit_named(name, 0, urgent)

    found = [outcome(Heard(SET, json.dumps(TEN).encode()), TOPICS, TOLD, NOW, admit) for _ in range(3)]
    assert [type(each).__name__ for each in found] == ["Order", "Order", "Refusal"]
    assert isinstance(outcome(Heard(f"{ME}/stop", b""), TOPICS, TOLD, NOW, admit), Order)
    with pytest.raises(Problem, match="asks too often"):
        door.admit_named("homeassistant", 0)
    scheme = json.dumps({"command": "stop"}).encode()
    assert isinstance(outcome(Heard("powerwarden/request/homeassistant", scheme), TOPICS, TOLD, NOW, admit), Order)
    scheme = json.dumps({"command": "set"}).encode()
    refused = outcome(Heard("powerwarden/request/homeassistant", scheme), TOPICS, TOLD, NOW, admit)
    assert isinstance(refused, Refusal)
    assert refused.reason is Reason.MQTT_TOO_OFTEN


topics = st.one_of(
    st.lists(st.sampled_from(WORDS), max_size=6).map("/".join),
    st.tuples(st.sampled_from([ME, "powerwarden/ask/panels", "powerwarden/request"]), st.sampled_from(WORDS)).map(
        "/".join
    ),
    st.sampled_from(
        [SET, f"{ME}/slide/heater.relay", f"{ME}/renew/battery.soc_max", "powerwarden/request/homeassistant"]
    ),
    st.text(max_size=40),
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.just("homeassistant")),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=8,
)
names = st.sampled_from(
    ["value", "unit", "kind", "duration_s", "request_id", "sent", "dry_run", "number", "starts_in_s"]
)
scheme = st.sampled_from(["request_id", "time", "node", "comp", "command", "parameters"])
known = st.sampled_from(
    ["A", "live", "set", "get", "why", "stop", "wallbox", "r", 10, {"value": {"value": 1, "unit": "A"}}]
)
bodies = st.one_of(
    st.binary(max_size=300),
    st.dictionaries(st.one_of(names, scheme), st.one_of(values, known), max_size=8).map(
        lambda b: json.dumps(b).encode()
    ),
    st.text(alphabet=string.printable, max_size=60).map(str.encode),
    st.sampled_from(
        [b"[" * 50_000, b'{"a":' * 5_000, b"\xef\xbb\xbf10", b'{"value": 1e999, "unit": "A"}', b'"\\ud800"']
    ),
)


@settings(max_examples=400, deadline=None)
@given(topics, bodies, st.booleans(), st.booleans(), st.floats(0, 4e9))
def test_whatever_comes_it_is_an_order_a_refusal_or_nothing(
    topic: str, body: bytes, retain: bool, duplicate: bool, wall_s: float
) -> None:
    found = outcome(Heard(topic, body, retain, duplicate), TOPICS, TOLD, Now(5, wall_s))
    if isinstance(found, Order):
        ask = found.ask
        assert ask.identity in ("homeassistant", "panels")
        assert f"/{ask.identity}" in topic
        assert not retain or ask.verb in (Verb.STOP, Verb.RELEASE)
        assert ask.value is None or abs(ask.value) <= 2**53
    elif isinstance(found, Refusal):
        assert found.problem.message
        assert found.problem.remedy


@settings(max_examples=200, deadline=None)
@given(topics, st.text(max_size=80))
def test_an_answer_goes_only_where_the_asker_may_read(topic: str, response: str) -> None:
    for wanted in (topic, response, f"powerwarden/answer/homeassistant/{response}"):
        if TOPICS.answers_to("homeassistant", wanted):
            assert wanted.startswith("powerwarden/answer/homeassistant/")
            assert not set(wanted) & set("+#\0")


def test_both_doors_use_the_same_parsers() -> None:
    """What HTTP refuses is refused here: the wall is that judge.py and request.py parse with body.py."""
    for module in (judge, request):
        assert "from supervisor.gateway import body" in Path(module.__file__ or "").read_text()
