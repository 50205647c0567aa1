"""Asking over a real broker: what is granted, clipped and refused, what is answered, and what is turned away."""

from __future__ import annotations

import datetime
import time
from pathlib import Path
from typing import Any

import pytest
from fake_guardian import FakeGuardian
from mosquitto_process import Mosquitto
from mqtt_probe import Probe
from mqtt_side import Side, guardian_at
from msgspec.structs import replace

from supervisor.gateway.denials import Reason
from supervisor.gateway.door import Rate
from supervisor.wire import TargetInfo, Verb

ME = "powerwarden/ask/homeassistant"
CURRENT = "wallbox.current_limit"
SET = f"{ME}/set/{CURRENT}"
ANSWER = "powerwarden/answer/homeassistant"
TEN_AMPS = {"value": 10, "unit": "A"}


def test_a_grant_is_answered_as_over_http_with_its_topic_and_a_sentence(probe: Probe, guardian: FakeGuardian) -> None:
    answer = probe.ask(SET, TEN_AMPS | {"kind": "live", "duration_s": 20, "request_id": "r1"})
    asked = guardian.next_ask()
    assert (asked.verb, asked.identity, asked.target, asked.value) == (Verb.SET, "homeassistant", CURRENT, 10_000)
    assert (asked.duration_ms, asked.kind, asked.request_id, asked.dry_run) == (20_000, "live", "r1", False)
    assert (answer["verdict"], answer["value"], answer["unit"], answer["request_id"]) == ("granted", 10, "A", "r1")
    assert answer["lease"]["holder"] == "homeassistant"
    assert (answer["topic"], answer["target"]) == (SET, CURRENT)
    assert answer["text"] == "wallbox.current_limit: 10 A for 20 s"


def test_a_clip_says_what_was_given_instead_and_why(probe: Probe) -> None:
    answer = probe.ask(SET, {"value": 16, "unit": "A"})
    assert (answer["verdict"], answer["value"]) == ("clipped", 13)
    assert answer["text"] == "wallbox.current_limit: 13 A instead of 16 A for 30 s: 35 A per phase"


def test_a_refusal_names_who_holds_it(probe: Probe, guardian: FakeGuardian) -> None:
    guardian.held_by = {CURRENT: "somebody"}
    answer = probe.ask(SET, TEN_AMPS)
    assert (answer["verdict"], answer["clauses"][0]["rule"]) == ("refused", "lease.held")
    assert answer["text"] == "wallbox.current_limit: refused: somebody holds it for another 20 s"


@pytest.mark.parametrize(
    ("topic", "verb", "target", "text"),
    [
        (f"stop/{CURRENT}", Verb.STOP, CURRENT, f"{CURRENT} stopped"),
        ("stop", Verb.STOP, "", "stopped"),
        (f"release/{CURRENT}", Verb.RELEASE, CURRENT, f"{CURRENT} released"),
        (f"renew/{CURRENT}", Verb.RENEW, CURRENT, f"{CURRENT} done"),
        ("heartbeat", Verb.HEARTBEAT, "", "heard"),
    ],
)
def test_an_empty_payload_is_enough(
    probe: Probe, guardian: FakeGuardian, topic: str, verb: Verb, target: str, text: str
) -> None:
    answer = probe.ask(f"{ME}/{topic}")
    asked = guardian.next_ask()
    assert (asked.verb, asked.target, answer["verdict"], answer["text"]) == (verb, target, "done", text)


@pytest.mark.parametrize("rubbish", [b"\xff\xfe", b"{", b'{"value": "x"}', b"x" * 9_000, b"not now"])
def test_a_stop_is_carried_out_whatever_its_payload_is(probe: Probe, guardian: FakeGuardian, rubbish: bytes) -> None:
    assert probe.ask(f"{ME}/stop/{CURRENT}", rubbish)["verdict"] == "done"
    assert guardian.next_ask().verb is Verb.STOP


def test_a_stop_that_was_retained_by_mistake_is_carried_out_once_and_taken_away(
    probe: Probe, guardian: FakeGuardian, side: Side, broker: Mosquitto
) -> None:
    before = side.denied(Reason.MQTT_RETAINED)
    assert probe.ask(f"{ME}/stop/{CURRENT}", b"now", retain=True)["verdict"] == "done"
    assert guardian.next_ask().verb is Verb.STOP
    probe.until(lambda: f"{ME}/stop/{CURRENT}" not in probe.kept, "the retained stop is gone")
    probe.until(lambda: side.denied(Reason.MQTT_RETAINED) == before + 1, "it is counted")
    assert probe.ask(f"{ME}/heartbeat")["verdict"] == "done"
    assert (guardian.next_ask().verb, guardian.asks.empty()) == (Verb.HEARTBEAT, True), "our own clearing is no stop"


def test_a_dry_run_and_the_times_of_a_program_reach_the_guardian(probe: Probe, guardian: FakeGuardian) -> None:
    wish = TEN_AMPS | {"kind": "program", "starts_in_s": 60, "duration_s": 60, "number": 7, "dry_run": True}
    answer = probe.ask(SET, wish)
    asked = guardian.next_ask()
    assert (asked.dry_run, asked.starts_in_ms, asked.number, asked.kind) == (True, 60_000, 7, "program")
    assert answer["lease"] is None
    assert answer["text"].endswith(", only tried")


@pytest.mark.parametrize(
    ("target", "said", "value"),
    [
        (CURRENT, "8", 8000),
        (CURRENT, " 8.5\n", 8500),
        ("battery.soc_max", "80", 800),
        ("heater.relay", "on", 1),
        ("heater.relay", "off", 0),
        ("heater.relay", "1", 1),
    ],
)
def test_a_slider_is_a_setting_for_as_long_as_the_policies_let_it(
    probe: Probe, guardian: FakeGuardian, target: str, said: str, value: int
) -> None:
    assert probe.ask(f"{ME}/slide/{target}", said)["verdict"] in ("granted", "clipped")
    asked = guardian.next_ask()
    assert (asked.value, asked.kind, asked.duration_ms) == (value, "setting", 7 * 24 * 3_600_000)


@pytest.mark.parametrize("said", ["", "12 A", "ON", "true", "NaN", '"8"', "8;9", "{}", "1e99", "0x10", "٣"])
def test_a_slider_takes_a_plain_value_and_nothing_else(probe: Probe, guardian: FakeGuardian, said: str) -> None:
    assert probe.ask(f"{ME}/slide/{CURRENT}", said)["error"]["code"] == "bad_body"
    assert guardian.asks.empty()


@pytest.mark.parametrize(
    "body",
    [
        b'{"value": "12", "unit": "A"}',
        b'{"value": true, "unit": "A"}',
        b'{"value": NaN, "unit": "A"}',
        b"10",
        b"[]",
        b'{"value": 10, "unit": "A", "duration": 5}',
        b'{"value": 10, "unit": "W"}',
        b'{"value": 10}',
        b"\xff",
        b"",
        b'{"value": 10, "unit": "A", "dry_run": 1}',
        b'{"value": 10, "unit": "A", "kind": "forever"}',
        b'"' + b"[" * 900,
        b'{"value": 10, "unit": "A", "sent": "yesterday"}',
        b'{"value": 10, "unit": "A", "sent": "2026-11-21T12:00"}',
    ],
)
def test_what_does_not_belong_there_is_refused_with_an_answer_and_counted(
    probe: Probe, guardian: FakeGuardian, side: Side, body: bytes
) -> None:
    before = side.denied(Reason.MQTT_BODY)
    answer = probe.ask(SET, body)
    assert set(answer) == {"error", "request_id", "topic", "target", "text"}
    assert (answer["error"]["code"], bool(answer["error"]["remedy"])) == ("bad_body", True)
    assert side.denied(Reason.MQTT_BODY) == before + 1
    assert guardian.asks.empty()


def test_too_long_and_unknown_target_have_their_own_reasons(probe: Probe, guardian: FakeGuardian, side: Side) -> None:
    assert probe.ask(SET, b" " * 8_193)["error"]["code"] == "too_large"
    assert probe.ask(f"{ME}/set/wallbox.nothing", TEN_AMPS)["error"]["code"] == "unknown_target"
    assert probe.ask(f"{ME}/stop/wallbox.nothing")["error"]["code"] == "unknown_target"
    assert (side.denied(Reason.MQTT_TOO_LARGE), side.denied(Reason.MQTT_TARGET)) == (1, 2)
    assert guardian.asks.empty()


def test_who_is_wrong_is_told_which_request_it_was(probe: Probe) -> None:
    assert probe.ask(SET, {"value": "x", "unit": "A", "request_id": "mine"})["request_id"] == "mine"


def iso(offset_s: float) -> str:
    at = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=offset_s)
    return at.isoformat()


@pytest.mark.parametrize("late_s", [-11, -3_600, 11, 3_600])
def test_a_command_that_is_old_or_from_the_future_is_refused(probe: Probe, guardian: FakeGuardian, late_s: int) -> None:
    for sent in (round(time.time()) + late_s, iso(late_s)):
        answer = probe.ask(SET, TEN_AMPS | {"sent": sent})
        assert answer["error"]["code"] == "expired"
    assert guardian.asks.empty()


def test_a_command_that_says_it_was_sent_just_now_is_asked(probe: Probe) -> None:
    for sent in (time.time(), round(time.time()), iso(0), iso(-5)):
        assert probe.ask(SET, TEN_AMPS | {"sent": round(sent, 3) if isinstance(sent, float) else sent})["value"] == 10


def test_a_retained_command_is_refused_when_it_is_sent_and_taken_away(
    probe: Probe, guardian: FakeGuardian, side: Side
) -> None:
    before = side.denied(Reason.MQTT_RETAINED)
    assert probe.ask(SET, TEN_AMPS, retain=True)["error"]["code"] == "retained"
    probe.until(lambda: SET not in probe.kept, "the command is gone from the broker")
    assert side.denied(Reason.MQTT_RETAINED) == before + 1
    assert guardian.asks.empty()


def test_clearing_a_retained_command_asks_for_nothing(probe: Probe, guardian: FakeGuardian) -> None:
    before = len(probe.heard)
    assert probe.publish(SET, b"", retain=True) == "Success"
    probe.ask(f"{ME}/heartbeat")
    assert [got.topic for got in probe.heard[before:] if got.topic == ANSWER] == [ANSWER]
    assert guardian.next_ask().verb is Verb.HEARTBEAT


def test_who_has_no_login_here_is_denied_without_an_answer(probe: Probe, guardian: FakeGuardian, side: Side) -> None:
    before, heard = side.denied(Reason.MQTT_IDENTITY), len(probe.heard)
    for who in ("nodered", "nobody", "homeassistant%2f", "../homeassistant", "HOMEASSISTANT", "ホーム", "a" * 250):
        probe.publish(f"powerwarden/ask/{who}/set/{CURRENT}", TEN_AMPS)
        probe.publish(f"powerwarden/request/{who.replace('/', '')}", {"command": "stop"})
    probe.ask(f"{ME}/heartbeat")
    assert {got.topic for got in probe.heard[heard:] if "/answer/" in got.topic or "/response/" in got.topic} == {
        ANSWER
    }
    assert side.denied(Reason.MQTT_IDENTITY) + side.denied(Reason.MQTT_TOPIC) >= before + 13
    assert guardian.next_ask().verb is Verb.HEARTBEAT
    assert guardian.asks.empty()


def test_topics_that_are_nobodys_are_counted_and_nothing_else(probe: Probe, guardian: FakeGuardian, side: Side) -> None:
    before = side.denied(Reason.MQTT_TOPIC)
    odd = [f"{SET}/more", f"{ME}/set", f"{ME}/set/", f"{ME}/fly/{CURRENT}", f"{ME}/heartbeat/x", "powerwarden/ask/"]
    odd += ["powerwarden/ask//stop", f"{ME}/stop/", f"{ME}/SET/{CURRENT}", f"{ME}/set/{CURRENT}" + "é" * 300]
    odd += [f"{ME}/set/" + "x" * 15_000, "powerwarden/request/a/b", f"{ME}/%73et/{CURRENT}"]
    for topic in odd:
        probe.publish(topic, TEN_AMPS)
    probe.ask(f"{ME}/heartbeat")
    assert side.denied(Reason.MQTT_TOPIC) == before + len(odd)
    assert guardian.next_ask().verb is Verb.HEARTBEAT
    assert guardian.asks.empty()


def test_a_shared_login_is_shown_as_shared(probe: Probe) -> None:
    answer = probe.ask(f"powerwarden/ask/panels/set/{CURRENT}", TEN_AMPS)
    assert answer["lease"]["holder"] == "panels (shared)"


def test_correlation_data_and_a_response_topic_of_ones_own(probe: Probe, side: Side) -> None:
    before = len(probe.heard)
    probe.publish(SET, TEN_AMPS, response=f"{ANSWER}/slider/7", correlation=b"\x00\xff!")
    got = probe.next(f"{ANSWER}/slider/7", before)
    assert (got.json["verdict"], got.correlation, got.retain) == ("granted", b"\x00\xff!", False)


@pytest.mark.parametrize(
    "foreign", ["powerwarden/status", "powerwarden/answer/panels/x", f"{ANSWER}x", "x", f"{ANSWER}/"]
)
def test_a_response_topic_elsewhere_is_not_honoured_and_counted(probe: Probe, side: Side, foreign: str) -> None:
    before = side.denied(Reason.MQTT_RESPONSE_TOPIC)
    heard = len(probe.heard)
    probe.publish(SET, TEN_AMPS, response=foreign)
    if foreign.startswith(f"{ANSWER}/"):
        probe.next(foreign, heard)
    else:
        assert probe.next(ANSWER, heard).json["verdict"] == "granted"
        assert side.denied(Reason.MQTT_RESPONSE_TOPIC) == before + 1


def test_who_asks_too_often_is_told_so_once_a_second_and_can_still_stop(broker: Mosquitto, tmp_path: Path) -> None:
    with (
        guardian_at(tmp_path / "g.sock", broker.port, base="slow") as guardian,
        Side(guardian.path, Rate(1, 3)) as side,
        Probe(broker.port, "slow/#") as probe,
    ):
        probe.until_kept("slow/status", lambda said: said == "online")
        for _ in range(30):
            probe.publish(f"slow/ask/homeassistant/set/{CURRENT}", TEN_AMPS)
        assert probe.ask("slow/ask/homeassistant/stop")["verdict"] in ("done", "granted")
        answers: list[Any] = [got.json for got in probe.heard if got.topic == "slow/answer/homeassistant"]
        refused = [answer for answer in answers if answer.get("error", {}).get("code") == "too_often"]
        assert len([answer for answer in answers if answer.get("verdict") == "granted"]) in (3, 4, 5)
        assert 1 <= len(refused) <= 3
        assert side.denied(Reason.MQTT_TOO_OFTEN) >= 25


def test_a_changeover_slides_by_the_names_of_its_positions(broker: Mosquitto, tmp_path: Path) -> None:
    with guardian_at(tmp_path / "g.sock", broker.port, base="switch") as guardian:
        place = TargetInfo("wallbox.phases", "code", 0, 1, 0, 1, (), False, "", ((0, "one"), (1, "three")))
        targets = (*guardian.describe.targets, place)
        guardian.describe = replace(guardian.describe, targets=targets)
        guardian.snapshot = replace(
            guardian.snapshot, targets=(*guardian.snapshot.targets, guardian.snapshot.targets[2])
        )
        with Side(guardian.path), Probe(broker.port, "switch/#") as probe:
            probe.until_kept("switch/status", lambda said: said == "online")
            assert probe.ask("switch/ask/homeassistant/slide/wallbox.phases", "three")["value"] == 1
            assert probe.ask("switch/ask/homeassistant/slide/wallbox.phases", "two")["error"]["code"] == "bad_body"
