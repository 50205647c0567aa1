"""What the network is offered: how open reading is, and the broker to speak with (docs/gateway.md).

    gateway:
      reads: identified                 # or open: whoever reaches the port may look, and only look
      mqtt:
        host: 127.0.0.1
        homeassistant: {identity: homeassistant}

Rules
* A login at the broker belongs to one orchestrator: a subscriber cannot see who published, so two on one login could
  not be told apart. Where a login is shared it is one orchestrator with ``shared: true``, which has the last word
  nowhere: priority 0, never expected, no installer.
* Secrets do not stand in a site document: the gateway reads the broker's password from a file of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from supervisor.loader.documents import Item, nearest

HOST = re.compile(r"[A-Za-z0-9.:_-]{1,80}")
TOPIC = re.compile(r"[A-Za-z0-9_-]{1,30}(?:/[A-Za-z0-9_-]{1,30}){0,2}")  # no wildcard, and no $ that a broker keeps
LOGIN = re.compile(r"[A-Za-z0-9._@-]{1,60}")
READS = ("open", "identified")
FORMATS = ("device", "entity")
PORT, PORT_TLS = 1883, 8883


@dataclass(frozen=True)
class HomeAssistant:
    """``identity``: in whose name its entities ask. ``format``: "device" (Home Assistant 2024.11 and later) or
    "entity", one announcement each, for older ones. ``prefix``: where it listens for them."""

    identity: str
    prefix: str = "homeassistant"
    format: str = "device"


@dataclass(frozen=True)
class Mqtt:
    """The broker. ``base``: the first levels of all our topics."""

    host: str
    port: int
    tls: bool
    base: str
    homeassistant: HomeAssistant | None


@dataclass(frozen=True)
class Gateway:
    """``reads``: "open", or "identified" where a token is needed to look, too."""

    reads: str = "open"
    mqtt: Mqtt | None = None


def read_gateway(item: Item | None, logins: Mapping[str, str]) -> Gateway:
    """The section ``gateway``. ``logins``: the login at the broker of each orchestrator that has one."""
    if item is None:
        return Gateway()
    reads, broker = item.get("reads"), item.get("mqtt")
    found = Gateway(reads.one_of(READS) if reads else "open", _mqtt(broker, logins) if broker else None)
    item.done()
    return found


def _mqtt(item: Item, logins: Mapping[str, str]) -> Mqtt:
    encrypted, port, base, home = item.get("tls"), item.get("port"), item.get("base"), item.get("homeassistant")
    tls = encrypted.flag() if encrypted else False
    broker = Mqtt(
        host=_matching(item.need("host", "where the broker is, such as 127.0.0.1"), HOST, "a host name or address"),
        port=port.whole(1, 65_535) if port else PORT_TLS if tls else PORT,
        tls=tls,
        base=_matching(base, TOPIC, "a topic of at most three levels, such as powerwarden") if base else "powerwarden",
        homeassistant=_homeassistant(home, logins) if home else None,
    )
    item.done()
    return broker


def _homeassistant(item: Item, logins: Mapping[str, str]) -> HomeAssistant:
    identity = item.need("identity", "in whose name it asks: an orchestrator that has 'mqtt'")
    if identity.text() not in logins:
        raise identity.error(
            f"no orchestrator with 'mqtt' is called '{identity.text()}'{nearest(identity.text(), logins)}"
        )
    prefix, shape = item.get("prefix"), item.get("format")
    home = HomeAssistant(
        identity=identity.text(),
        prefix=_matching(prefix, TOPIC, "a topic, such as homeassistant") if prefix else "homeassistant",
        format=shape.one_of(FORMATS) if shape else "device",
    )
    item.done()
    return home


def read_login(item: Item) -> str:
    """The user name of an orchestrator at the broker."""
    return _matching(item, LOGIN, "a user name at the broker, such as homeassistant")


def _matching(item: Item, pattern: re.Pattern[str], what: str) -> str:
    if not pattern.fullmatch(item.text()):
        raise item.error(f"'{item.text()}' is not {what}")
    return item.text()
