"""The broker itself: it goes, hangs, refuses, speaks TLS; a gateway that dies leaves "offline"; nobody is held up."""

from __future__ import annotations

import contextlib
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from fake_guardian import FakeGuardian
from mosquitto_process import MISSING, MOSQUITTO, Mosquitto, free_port
from mqtt_probe import Probe
from mqtt_side import Side, described, guardian_at
from msgspec.structs import replace

from supervisor.certificate import certificate
from supervisor.gateway import mqtt
from supervisor.gateway.denials import Reason
from supervisor.wire import MqttInfo, Verb

ROOT = Path(__file__).resolve().parents[2]
HEARTBEAT = "powerwarden/ask/homeassistant/heartbeat"
BLOCKED_S = 0.5  # what nothing of this may hold the loop up for, on a busy machine

# ruff: noqa: SIM117  what is opened in one line is one thing, such as a guardian and its side
pytestmark = pytest.mark.skipif(not MOSQUITTO, reason=MISSING)


@pytest.fixture
def own(tmp_path: Path) -> object:
    """A broker that this test may break."""
    with Mosquitto(tmp_path / "broker") as running:
        yield running


def test_a_broker_that_is_killed_and_comes_back_gets_everything_again(own: Mosquitto, tmp_path: Path) -> None:
    with guardian_at(tmp_path / "g.sock", own.port) as guardian, Side(guardian.path) as side:
        for number in (signal.SIGKILL, signal.SIGTERM):
            with Probe(own.port, "powerwarden/#") as probe:
                probe.until_kept("powerwarden/status", lambda said: said == "online")
                assert probe.ask(HEARTBEAT)["verdict"] == "done"
            own.kill(number)
            own.start()
            with Probe(own.port, "powerwarden/#") as probe:
                for topic in ("powerwarden/house/state", "powerwarden/status"):  # said anew, not what the broker kept
                    probe.until(lambda t=topic: [g for g in probe.heard if g.topic == t and not g.retain], topic, 10.0)
                assert probe.ask(HEARTBEAT)["verdict"] == "done"
        assert (side.mistakes, side.longest_s < BLOCKED_S) == (0, True)


def test_what_was_asked_while_we_were_away_is_never_asked(own: Mosquitto, tmp_path: Path) -> None:
    path = tmp_path / "g.sock"
    with guardian_at(path, own.port) as guardian, Probe(own.port, "powerwarden/#") as probe:
        with Side(path):
            probe.until_kept("powerwarden/status", lambda said: said == "online")
        probe.until_kept("powerwarden/status", lambda said: said == "offline")
        set_topic = "powerwarden/ask/homeassistant/set/wallbox.current_limit"
        probe.publish(set_topic, {"value": 10, "unit": "A"})
        probe.publish(set_topic, {"value": 11, "unit": "A"}, retain=True)
        with Side(path) as side:
            probe.until(lambda: set_topic not in probe.kept, "the retained command is taken away")
            assert probe.ask(HEARTBEAT)["verdict"] == "done"
            assert side.denied(Reason.MQTT_RETAINED) == 1
        assert [guardian.next_ask().verb, guardian.asks.empty()] == [Verb.HEARTBEAT, True]


def test_a_broker_that_hangs_holds_nobody_up(own: Mosquitto, tmp_path: Path) -> None:
    with guardian_at(tmp_path / "g.sock", own.port) as guardian, Side(guardian.path) as side:
        with Probe(own.port, "powerwarden/#") as probe:
            probe.until_kept("powerwarden/status", lambda said: said == "online")
            own.signal(signal.SIGSTOP)
            before = side.heartbeats
            probe.until(lambda: side.heartbeats > before + 200, "two seconds of the loop")
            assert side.longest_s < BLOCKED_S
            own.signal(signal.SIGCONT)
            assert probe.ask(HEARTBEAT)["verdict"] == "done"
    with Mosquitto(tmp_path / "second") as second:
        with guardian_at(tmp_path / "g2.sock", second.port) as guardian, Side(guardian.path) as side:
            with Probe(second.port, "powerwarden/#") as probe:
                probe.until_kept("powerwarden/status", lambda said: said == "online")
            second.signal(signal.SIGSTOP)  # and the end of the gateway does not wait for it (Side asserts that)


def test_a_port_that_accepts_and_says_nothing_holds_nobody_up(tmp_path: Path) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(1)
        with guardian_at(tmp_path / "g.sock", deaf.getsockname()[1]) as guardian, Side(guardian.path) as side:
            connection, _ = deaf.accept()
            assert connection.recv(4_096)[:1] == b"\x10", "a CONNECT"
            assert side.longest_s < BLOCKED_S
            connection.sendall(b"\xf0\xff\xff\xff\xff\xff\xff rubbish")
            with contextlib.suppress(ConnectionResetError):
                assert connection.recv(4_096) == b"", "who does not speak MQTT is left"
            connection.close()


def lived_and_killed(guardian: FakeGuardian, probe: Probe) -> None:
    """A gateway as a process, until it is there and then killed; its last will has been said."""
    command = [sys.executable, "-m", "supervisor.gateway.main", "--socket", str(guardian.path)]
    gateway = subprocess.Popen([*command, "--listen", f"127.0.0.1:{free_port()}"], cwd=ROOT)
    try:
        probe.until_kept("powerwarden/status", lambda said: said == "online")
    finally:
        gateway.kill()
        gateway.wait()
    probe.until_kept("powerwarden/status", lambda said: said == "offline", 3.0)


def test_a_gateway_that_is_killed_leaves_offline_through_its_last_will(own: Mosquitto, tmp_path: Path) -> None:
    with guardian_at(tmp_path / "g.sock", own.port) as guardian, Probe(own.port, "powerwarden/#") as probe:
        for _ in range(2):
            lived_and_killed(guardian, probe)


def test_what_was_asked_after_a_gateway_was_killed_waits_in_no_session(own: Mosquitto, tmp_path: Path) -> None:
    with guardian_at(tmp_path / "g.sock", own.port) as guardian, Probe(own.port, "powerwarden/#") as probe:
        lived_and_killed(guardian, probe)
        probe.publish("powerwarden/ask/homeassistant/set/wallbox.current_limit", {"value": 10, "unit": "A"})
        with Side(guardian.path):
            probe.until_kept("powerwarden/status", lambda said: said == "online")
            assert probe.ask(HEARTBEAT)["verdict"] == "done"
        assert [guardian.next_ask().verb, guardian.asks.empty()] == [Verb.HEARTBEAT, True]


def test_a_second_connection_under_our_name_ends_the_first_and_the_truth_is_said_last(
    own: Mosquitto, tmp_path: Path
) -> None:
    with guardian_at(tmp_path / "g.sock", own.port) as guardian, Probe(own.port, "powerwarden/#") as probe:
        with Side(guardian.path):
            probe.until_kept("powerwarden/status", lambda said: said == "online")
            intruder = socket.create_connection(("127.0.0.1", own.port))
            name = b"powerwarden-powerwarden"
            intruder.sendall(b"\x10" + bytes([13 + len(name)]) + b"\0\4MQTT\5\2\0\x0a\0\0" + bytes([len(name)]) + name)
            probe.until_kept("powerwarden/status", lambda said: said == "offline")
            probe.until_kept("powerwarden/status", lambda said: said == "online", 10.0)
            intruder.close()


def test_a_packet_beyond_our_bound_does_not_reach_us(own: Mosquitto, tmp_path: Path) -> None:
    with guardian_at(tmp_path / "g.sock", own.port) as guardian, Side(guardian.path) as side:
        with Probe(own.port, "powerwarden/status", "powerwarden/answer/#") as probe:
            probe.until_kept("powerwarden/status", lambda said: said == "online")
            probe.publish("powerwarden/ask/homeassistant/stop", b"x" * 17_000)
            probe.publish("powerwarden/ask/homeassistant/set/wallbox.current_limit", b"x" * 10_000_000)
            assert probe.ask(HEARTBEAT)["verdict"] == "done"
            assert side.side is not None
            assert side.side.broker is not None
            assert side.side.broker.connections == 1
        assert guardian.next_ask().verb is Verb.HEARTBEAT


def test_a_wrong_password_is_said_once_and_a_right_one_is_let_in(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    acl = "user powerwarden\ntopic readwrite #\n"
    with Mosquitto(tmp_path / "broker", acl, {"powerwarden": "right"}) as own:
        with guardian_at(tmp_path / "g.sock", own.port) as guardian:
            with Side(guardian.path, options=mqtt.Options("powerwarden", "wrong")) as side:
                with Probe(own.port, "powerwarden/#", user="powerwarden", password="right") as probe:
                    probe.until(lambda: own.log().count("disconnected, not authorised") >= 3, "three attempts")
                assert side.mistakes == 0
            assert capfd.readouterr().err.count("it refuses us: Not authorized") == 1
            with Side(guardian.path, options=mqtt.Options("powerwarden", "right")):
                with Probe(own.port, "powerwarden/#", user="powerwarden", password="right") as probe:
                    probe.until_kept("powerwarden/status", lambda said: said == "online")


def test_tls_with_the_right_authority_and_nobody_else(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for name in ("right", "wrong"):
        (tmp_path / name).mkdir()
        assert certificate(["localhost", "127.0.0.1"], tmp_path / name) == 0
    files = {path.name: path for path in (tmp_path / "right").iterdir()}
    cert = next(
        path for name, path in files.items() if name.endswith(".pem") and "ca" not in name and "key" not in name
    )
    key = next(path for name, path in files.items() if "key" in name and "ca" not in name)
    authority = next(name for name, path in files.items() if b"BEGIN CERTIFICATE" in path.read_bytes() and "ca" in name)
    with Mosquitto(tmp_path / "broker", tls=f"certfile {cert}\nkeyfile {key}") as own:
        with guardian_at(tmp_path / "g.sock", own.port) as guardian:
            broker = guardian.describe.gateway.mqtt
            assert isinstance(broker, MqttInfo)
            gateway = replace(guardian.describe.gateway, mqtt=replace(broker, tls=True, host="localhost"))
            guardian.describe = replace(described(own.port), gateway=gateway)
            with Side(guardian.path, options=mqtt.Options(ca=str(tmp_path / "wrong" / authority))) as side:
                _until(
                    side, lambda: "certificate verify failed" in (side.side.broker.trouble if side.side.broker else "")
                )
            with Side(guardian.path, options=mqtt.Options(ca=str(tmp_path / "right" / authority))) as side:
                _until(side, lambda: side.side.broker is not None and side.side.broker.up)
                assert side.longest_s < BLOCKED_S
    assert ssl.OPENSSL_VERSION
    capfd.readouterr()


def _until(side: Side, condition: object) -> None:
    import threading
    import time

    pause, end = threading.Event(), time.monotonic() + 20
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end
        pause.wait(0.02)


@pytest.mark.parametrize("text", ["", "nobody", ":secret", "user:two\nlines:here", "u:" + "x" * 2_000])
def test_a_login_file_that_holds_no_login_is_refused_with_a_remedy(tmp_path: Path, text: str) -> None:
    (tmp_path / "login").write_text(text)
    with pytest.raises(mqtt.LoginError, match="write one line, user:password"):
        mqtt.options(tmp_path / "login", None)
    with pytest.raises(mqtt.LoginError, match="cannot be read"):
        mqtt.options(tmp_path / "missing", None)


def test_without_a_broker_in_the_site_nothing_is_tried(tmp_path: Path) -> None:
    with FakeGuardian(tmp_path / "g.sock") as guardian, Side(guardian.path) as side:
        _until(side, lambda: side.link is not None and side.link.connected and side.heartbeats > 20)
        assert side.side is not None
        assert side.side.broker is None
