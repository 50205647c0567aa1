"""Copies of a house and of a site, made to meet each other on this machine: other ports, a seed, edits, demo tokens.

Rules
* Edits come first, in the words of the author; each of their texts must be there. Then TCP ports move.
* Whoever is known by a token is known by "demo-NAME" in the copy: a bench needs nobody's real tokens.
* The copy must not be able to reach anything real. Each of its wires must be one that the rig makes: a CAN hub, a line
  hub, a pseudo-terminal, a port of the house on 127.0.0.1. Anything else is an error before anything is started, and
  so are schedules: nobody can choose the time of day here.

It must never change the originals.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from hil.bench.yaml_text import Document
from hil.scenario.model import Scenario
from hil.unix_socket import RigError

LOOPBACK = ("127.0.0.1", "localhost")
_PORT = re.compile(r"\bport: *(\d+)\b")


def copy_house(scenario: Scenario, seed: int, wires: Mapping[str, Mapping[str, object]], to: Path) -> None:
    """The house as a file of its own: with this seed, and another wire for some of its devices
    ({"meter": {"tcp": "127.0.0.1:20001"}})."""
    document = yaml.safe_load(scenario.house_path.read_text("utf-8"))
    document["seed"] = seed
    for name, wire in wires.items():
        kept = {key: value for key, value in document["devices"][name].items() if key not in ("tcp", "baud")}
        if document["devices"][name].get("tcp") is None:
            kept.pop("serial", None)  # beside `tcp` it is a serial number
        document["devices"][name] = {**kept, **wire}
    to.write_text(yaml.safe_dump(document, sort_keys=False), "utf-8")


def copy_site(scenario: Scenario, ports: Mapping[int, int], to: Path) -> Document:
    """The site's folder, with the scenario's edits, moved ports and demo tokens; returns its site.yaml."""
    if not (scenario.site / "site.yaml").is_file():
        raise RigError(f"{scenario.site}: no site.yaml in it; a site is a folder of documents")
    shutil.copytree(scenario.site, to, ignore=shutil.ignore_patterns("__pycache__"))
    texts = {path: path.read_text("utf-8") for path in sorted(to.glob("*.yaml"))}
    for old, new in scenario.edits.items():
        if not any(old in text for text in texts.values()):
            raise RigError(f"{scenario.path}: edits: no document of {scenario.site} has the text {old!r}")
        texts = {path: text.replace(old, new) for path, text in texts.items()}
    for path, text in texts.items():
        path.write_text(_moved(text, ports), "utf-8")
    site = Document(str(scenario.site / "site.yaml"), (to / "site.yaml").read_text("utf-8"))
    return write(with_demo_tokens(site), to)


def write(site: Document, to: Path) -> Document:
    """Put a changed site.yaml in its folder."""
    (to / "site.yaml").write_text(site.text, "utf-8")
    return site


def _moved(text: str, ports: Mapping[int, int]) -> str:
    return _PORT.sub(lambda found: f"port: {ports.get(int(found[1]), int(found[1]))}", text)


def token_of(who: str) -> str:
    """What an orchestrator of a copied site proves itself with."""
    return f"demo-{who}"


def with_demo_tokens(site: Document) -> Document:
    """Whoever has a token has a known one."""
    for name, entry in mapping(site.value, "orchestrators").items():
        if isinstance(entry, dict) and "token_sha256" in entry:
            digest = hashlib.sha256(token_of(name).encode()).hexdigest()
            site = site.put(("orchestrators", name, "token_sha256"), f'"{digest}"')
    return site


def mapping(value: object, *keys: str) -> dict[str, object]:
    """The mapping below these keys; an empty one where there is none."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


# ---- nothing real ---------------------------------------------------------------------------------------------------
def check_harmless(site: Document, ports: Sequence[int]) -> None:
    """RigError unless every wire of the site is one of the rig's; ``ports`` are those of the rig's house."""
    if mapping(site.value, "schedules"):
        raise site.wrong(("schedules",), _TIMES)
    for bus, settings in mapping(site.value, "buses").items():
        _check_bus(site, bus, mapping(settings))
    for name, device in mapping(site.value, "devices").items():
        options = mapping(device, "options")
        place = ("devices", name, "options")
        if "host" in options and str(options["host"]) not in LOOPBACK:
            raise site.wrong((*place, "host"), f"{options['host']} is not this machine; {_REMEDY}")
        if "host" in options and options.get("port") not in ports:
            raise site.wrong((*place, "port"), f"no device of the house answers there; {_REMEDY}")


_REMEDY = "a bench on this machine touches nothing real. Name the simulated one by an edit, or run the virtual bench"


_TIMES = (
    "this bench has the machine's own time of day, so its verdict would change with the hour; "
    "name `benches: [virtual]` in the scenario, or take the schedules out by an edit"
)


def _check_bus(site: Document, bus: str, settings: Mapping[str, object]) -> None:
    """A bus may be a hub, a pseudo-terminal of the run directory, or Modbus TCP (whose devices have the addresses)."""
    place = ("buses", bus)
    kind = settings.get("kind")
    if kind == "can" and settings.get("interface") != "canhub":
        raise site.wrong((*place, "interface"), f"{settings.get('interface')} is a real adapter; {_REMEDY}")
    if kind == "gpio" and settings.get("factory") != "linehub":
        raise site.wrong((*place, "factory"), f"{settings.get('factory')} drives real lines; {_REMEDY}")
    for key in ("channel", "device"):
        if key in settings and not re.fullmatch(r"\{run\}/[\w.-]+", str(settings[key])):
            raise site.wrong((*place, key), f"{settings[key]} is outside of the run directory; {_REMEDY}")
