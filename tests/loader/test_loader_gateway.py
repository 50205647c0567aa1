"""What the network is offered, as a site document says it: reading, the broker, logins and who shares one."""

from __future__ import annotations

from pathlib import Path

import pytest

from supervisor.guardian.tell import describe
from supervisor.loader.load import DocumentError, Loaded, load

EXAMPLE = Path(__file__).resolve().parents[2] / "policies" / "uc001"
HOME = "  home: {role: orchestrator, mqtt: ha}\n"
BROKER = "gateway:\n  mqtt:\n    host: 127.0.0.1\n"


def house(folder: Path, orchestrators: str = "", gateway: str = "") -> Loaded:
    """The example with more orchestrators, and a section of its own for the gateway."""
    folder.mkdir(exist_ok=True)
    for path in EXAMPLE.glob("*.yaml"):
        text = path.read_text()
        if path.name == "site.yaml":
            text += orchestrators + "\n" + gateway
        (folder / path.name).write_text(text)
    return load(folder)


def test_without_the_section_everybody_may_look_and_there_is_no_broker(tmp_path: Path) -> None:
    told = describe(house(tmp_path)).gateway
    assert told.reads == "open"
    assert told.mqtt is None


def test_the_gateway_learns_of_the_broker_from_the_guardian(tmp_path: Path) -> None:
    told = describe(house(tmp_path, HOME, BROKER + "    homeassistant: {identity: home}\n"))
    broker = told.gateway.mqtt
    assert broker is not None
    assert (broker.host, broker.port, broker.tls, broker.base) == ("127.0.0.1", 1883, False, "powerwarden")
    assert (broker.ha_identity, broker.ha_prefix, broker.ha_format) == ("home", "homeassistant", "device")
    home = next(identity for identity in told.identities if identity.name == "home")
    assert home.mqtt
    assert home.token_sha256 == ""
    assert "ha" not in [identity.name for identity in told.identities]


def test_a_broker_with_tls_has_its_usual_port(tmp_path: Path) -> None:
    broker = house(tmp_path, HOME, BROKER + "    tls: true\n").gateway.mqtt
    assert broker is not None
    assert broker.port == 8883


def test_devices_are_described_with_their_family_and_bus(tmp_path: Path) -> None:
    devices = {device.name: (device.family, device.bus) for device in describe(house(tmp_path)).devices}
    assert devices["wallbox"] == ("goe_modbus", "lan")


def test_a_login_that_several_share_is_shown_as_shared(tmp_path: Path) -> None:
    told = describe(house(tmp_path, "  panels: {role: orchestrator, mqtt: panels, shared: true}\n"))
    assert [identity.name for identity in told.identities if identity.shared] == ["panels"]


@pytest.mark.parametrize(
    ("orchestrators", "gateway", "said"),
    [
        ("  a: {role: orchestrator}\n", "", "'token_sha256' or 'mqtt' is missing"),
        (HOME + "  b: {role: orchestrator, mqtt: ha}\n", "", "shared: true"),
        ("  a: {role: orchestrator, mqtt: p, shared: true, priority: 1}\n", "", "priority 0"),
        ("  a: {role: orchestrator, mqtt: p, shared: true, expected: true}\n", "", "not expected"),
        ("  a: {role: installer, mqtt: p, shared: true}\n", "", "no installer"),
        ("  a: {role: orchestrator, mqtt: 'a b'}\n", "", "user name at the broker"),
        ("", "gateway: {reads: everybody}\n", "not one of open, identified"),
        ("", "gateway: {mqtt: {port: 1883}}\n", "'host' is missing"),
        ("", "gateway: {mqtt: {host: 'a b'}}\n", "host name"),
        ("", "gateway: {mqtt: {host: x, base: 'a/#'}}\n", "topic"),
        ("", "gateway: {mqtt: {host: x, base: $SYS}}\n", "topic"),
        ("", "gateway: {mqtt: {host: x, password: y}}\n", "nobody knows 'password'"),
        ("", BROKER + "    homeassistant: {identity: phone}\n", "no orchestrator with 'mqtt'"),
        (HOME, BROKER + "    homeassistant: {identity: home, format: old}\n", "not one of device, entity"),
        (HOME, BROKER + "    homeassistant: {}\n", "'identity' is missing"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path: Path, orchestrators: str, gateway: str, said: str) -> None:
    with pytest.raises(DocumentError, match=r"site\.yaml:[0-9]+: ") as error:
        house(tmp_path, orchestrators, gateway)
    assert said in str(error.value)
