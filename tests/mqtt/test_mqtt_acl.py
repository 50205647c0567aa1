"""`powerwarden acl` in a real broker: each right is used and each denial is proven by a probe, with passwords.

A subscription that is not allowed is answered "granted", so reading is proven by what does and does not arrive.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from mosquitto_process import MISSING, MOSQUITTO, Mosquitto
from mqtt_probe import Probe

from supervisor import cli
from supervisor.acl import AclError, mosquitto
from supervisor.loader.load import load

EXAMPLE = Path(__file__).resolve().parents[2] / "policies" / "uc001"
LOGINS = {"powerwarden": "pw", "ha": "h", "flows": "f", "tablet": "t", "watcher": "w", "stranger": "s"}
EXTRA = """
  homeassistant: {role: orchestrator, mqtt: ha}
  nodered: {role: orchestrator, mqtt: flows}
  panels: {role: orchestrator, mqtt: tablet, shared: true}
  watcher: {role: observer, mqtt: watcher}

gateway:
  mqtt:
    host: 127.0.0.1
    homeassistant: {identity: homeassistant}
"""
ALLOWED, DENIED = "Success", "Not authorized"


def site(folder: Path, extra: str = EXTRA) -> Path:
    shutil.copytree(EXAMPLE, folder)
    with (folder / "site.yaml").open("a") as file:
        file.write(extra)
    return folder


@pytest.fixture(scope="module")
def acl(tmp_path_factory: pytest.TempPathFactory) -> str:
    return mosquitto(load(site(tmp_path_factory.mktemp("acl") / "site")))


@pytest.fixture(scope="module")
def guarded(acl: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    if not MOSQUITTO:
        pytest.skip(MISSING)
    with Mosquitto(tmp_path_factory.mktemp("guarded"), acl, LOGINS) as running:
        yield running


@pytest.fixture(scope="module")
def clients(guarded: Mosquitto) -> Iterator[dict[str, Probe]]:
    probes = {name: Probe(guarded.port, "#", user=name, password=word) for name, word in LOGINS.items()}
    yield probes
    for probe in probes.values():
        probe.__exit__()


WRITES = [
    ("ha", "powerwarden/ask/homeassistant/set/wallbox.current", True),
    ("ha", "powerwarden/ask/homeassistant/stop", True),
    ("ha", "powerwarden/request/homeassistant", True),
    ("ha", "homeassistant/status", True),
    ("ha", "homeassistant/device/powerwarden/config", False),
    ("ha", "powerwarden/ask/nodered/stop", False),
    ("ha", "powerwarden/request/nodered", False),
    ("ha", "powerwarden/answer/homeassistant", False),
    ("ha", "powerwarden/status", False),
    ("ha", "powerwarden/target/wallbox.current/state", False),
    ("flows", "powerwarden/ask/nodered/release/wallbox.current", True),
    ("flows", "powerwarden/ask/homeassistant/set/wallbox.current", False),
    ("flows", "homeassistant/status", False),
    ("tablet", "powerwarden/ask/panels/slide/wallbox.current", True),
    ("tablet", "powerwarden/ask/nodered/stop", False),
    ("watcher", "powerwarden/ask/watcher/set/wallbox.current", False),
    ("watcher", "powerwarden/ask/watcher/stop", False),
    ("watcher", "powerwarden/request/watcher", False),
    ("stranger", "powerwarden/ask/stranger/stop", False),
    ("stranger", "powerwarden/ask/homeassistant/stop", False),
    ("powerwarden", "powerwarden/status", True),
    ("powerwarden", "powerwarden/answer/nodered", True),
    ("powerwarden", "powerwarden/announced/powerwarden", True),
    ("powerwarden", "homeassistant/device/powerwarden/config", True),
    ("powerwarden", "somebody/else", False),
]


@pytest.mark.parametrize(("who", "topic", "may"), WRITES)
def test_who_may_write_where(clients: dict[str, Probe], who: str, topic: str, may: bool) -> None:
    before = len(clients["powerwarden"].heard)
    code = clients[who].publish(topic, f"from {who}")
    assert (code == DENIED) == (not may), code
    clients["powerwarden"].publish("powerwarden/event", b"mark")
    clients["powerwarden"].next("powerwarden/event", before)
    arrived = [got for got in clients["powerwarden"].heard[before:] if got.payload == f"from {who}".encode()]
    assert bool(arrived) == may


READS = [
    ("powerwarden/status", {"ha", "flows", "tablet", "watcher"}),
    ("powerwarden/house/state", {"ha", "flows", "tablet", "watcher"}),
    ("powerwarden/device/meter/state", {"ha", "flows", "tablet", "watcher"}),
    ("powerwarden/target/wallbox.current/state", {"ha", "flows", "tablet", "watcher"}),
    ("powerwarden/event", {"ha", "flows", "tablet", "watcher"}),
    ("powerwarden/answer/homeassistant", {"ha"}),
    ("powerwarden/answer/homeassistant/slider", {"ha"}),
    ("powerwarden/response/nodered", {"flows"}),
    ("powerwarden/answer/panels", {"tablet"}),
    ("powerwarden/announced/powerwarden", set()),
    ("powerwarden/ask/homeassistant/stop", set()),
    ("homeassistant/device/powerwarden/config", {"ha"}),
]


@pytest.mark.parametrize(("topic", "readers"), READS)
def test_who_hears_what(clients: dict[str, Probe], topic: str, readers: set[str]) -> None:
    before = {name: len(probe.heard) for name, probe in clients.items()}
    assert clients["powerwarden"].publish(topic, b"something") != DENIED
    clients["powerwarden"].publish("powerwarden/event", b"mark")
    for name in ("ha", "flows", "tablet", "watcher"):  # what was said before the mark has come by then
        probe = clients[name]
        probe.until(lambda p=probe, n=name: [g for g in p.heard[before[n] :] if g.payload == b"mark"], "the mark")
    heard = {
        name
        for name, probe in clients.items()
        if any(g.topic == topic and g.payload == b"something" for g in probe.heard[before[name] :])
    }
    assert heard - {"powerwarden"} == readers
    assert "stranger" not in heard


@pytest.mark.parametrize(("user", "password"), [("", ""), ("ha", "wrong"), ("nobody", "h")])
def test_nobody_comes_in_without_his_password(guarded: Mosquitto, user: str, password: str) -> None:
    with Probe(guarded.port, user=user, password=password) as probe:
        assert probe.refused == DENIED


def test_the_comments_name_every_login_and_the_next_steps(acl: str) -> None:
    for login in ("powerwarden", "ha", "flows", "tablet", "watcher"):
        assert f"mosquitto_passwd {'-c ' if login == 'powerwarden' else ''}/etc/mosquitto/passwords {login}" in acl
    assert "panels: orchestrator, which several share" in acl
    assert "set_tcp_nodelay true" in acl
    assert "--mqtt-login" in acl


def test_the_verb_prints_it_and_says_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["acl", str(site(tmp_path / "site")), "--format", "mosquitto"]) == 0
    assert "user watcher\ntopic read powerwarden/status\n" in capsys.readouterr().out
    assert cli.main(["acl", str(EXAMPLE)]) == 2
    assert "names no broker: write gateway:" in capsys.readouterr().err
    ours = EXTRA.replace("mqtt: flows", "mqtt: powerwarden")
    with pytest.raises(AclError, match="'powerwarden' is our own login: give orchestrator 'nodered' another one"):
        mosquitto(load(site(tmp_path / "taken", ours)))
