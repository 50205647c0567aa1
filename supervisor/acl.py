"""``powerwarden acl SITE``: the broker's access list, made from the site document.

    powerwarden acl policies/house > /etc/mosquitto/powerwarden.acl

Rules
* A subscriber cannot see who published, so the broker's list is what makes an identity: each login may write below its
  own name and nowhere else. What no line allows, mosquitto refuses.
* Our own login alone writes what the house says of itself. An observer writes nothing at all.
* No password is read, made or shown here.

This file must never write anything but its output.
"""

from __future__ import annotations

from collections.abc import Iterator

from supervisor.gateway.mqtt.topics import Topics
from supervisor.loader.gateway import Mqtt
from supervisor.loader.load import Loaded

OURS = "powerwarden"
READ = ("status", "house/#", "device/#", "target/#", "event")


class AclError(ValueError):
    """The site document offers no broker anything, or offers it twice. The text says what to write."""


def mosquitto(loaded: Loaded) -> str:
    """The list, with the next steps as comments. Raises AclError."""
    broker = loaded.gateway.mqtt
    if broker is None:
        raise AclError(f"{loaded.site.name} names no broker: write gateway: {{mqtt: {{host: 127.0.0.1}}}} in site.yaml")
    taken = [name for name, entry in loaded.entries.items() if entry.login == OURS]
    if taken:
        raise AclError(f"'{OURS}' is our own login: give orchestrator '{taken[0]}' another one ('mqtt:')")
    blocks = [_ours(broker), *_logins(loaded, broker)]
    return "\n".join([*_head(loaded, broker), "", *("\n".join(block) + "\n" for block in blocks)])


def _head(loaded: Loaded, broker: Mqtt) -> list[str]:
    logins = [OURS, *(entry.login for entry in loaded.entries.values() if entry.login)]
    words = [
        f"Access list for mosquitto, made by `powerwarden acl` from the site '{' '.join(loaded.site.name.split())}'.",
        "Make it anew when an orchestrator comes, goes or changes its login; then send the broker SIGHUP.",
        "",
        "Next steps:",
        "  1. Put this file where the broker reads it, such as /etc/mosquitto/powerwarden.acl.",
        "  2. Give each login a password (-c makes the file anew, so only the first time):",
    ]
    words += [
        f"       mosquitto_passwd {'-c ' if login == OURS else ''}/etc/mosquitto/passwords {login}" for login in logins
    ]
    words += [
        "  3. In /etc/mosquitto/conf.d/powerwarden.conf:",
        f"       listener {broker.port} {broker.host if broker.host.startswith('127.') else ''}".rstrip(),
        "       allow_anonymous false",
        "       password_file /etc/mosquitto/passwords",
        "       acl_file /etc/mosquitto/powerwarden.acl",
        "       set_tcp_nodelay true",
        "     Without the last line every answer takes 44 ms.",
        f"  4. powerwarden run SITE --mqtt-login FILE, where FILE (chmod 600) is the one line {OURS}:PASSWORD",
        "A subscription that is not allowed is answered 'granted' all the same and stays silent; a publication that is",
        "not allowed is answered with reason 135 in MQTT 5, and with nothing at all in MQTT 3.1.1.",
    ]
    return [f"# {word}".rstrip() for word in words]


def _ours(broker: Mqtt) -> list[str]:
    lines = ["# the gateway itself", f"user {OURS}", f"topic readwrite {broker.base}/#"]
    if broker.homeassistant is not None:
        lines.append(f"topic readwrite {broker.homeassistant.prefix}/#")
    return lines


def _logins(loaded: Loaded, broker: Mqtt) -> Iterator[list[str]]:
    topics, home = Topics(broker.base), broker.homeassistant
    roles = {identity.name: identity.role for identity in loaded.plan.identities}
    for name, entry in loaded.entries.items():
        if not entry.login:
            continue
        shared = ", which several share: nobody knows which of them spoke" if entry.shared else ""
        lines = [f"# {name}: {roles[name]}{shared}", f"user {entry.login}"]
        if roles[name] != "observer":
            lines += [f"topic write {broker.base}/ask/{name}/#", f"topic write {broker.base}/request/{name}"]
            lines += [f"topic read {topics.answer(name)}/#", f"topic read {topics.response(name)}"]
        lines += [f"topic read {broker.base}/{each}" for each in READ]
        if home is not None and home.identity == name:
            lines += [f"topic read {home.prefix}/#", f"topic write {home.prefix}/status"]
        yield lines
