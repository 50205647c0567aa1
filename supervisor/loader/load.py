"""From a folder of documents to a site and a plan. The one door: :func:`load`.

A folder holds ``site.yaml``; every other ``*.yaml`` in it is a policy document, read in the order of the names. Either
everything loads or nothing does; the first thing that is wrong is a DocumentError with its file and line.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from drivers.contract import Family
from drivers.registry import FAMILIES
from supervisor.kernel.plan import Identity, Plan
from supervisor.loader.assemble import Switching, assemble, read_changeovers, read_contactors
from supervisor.loader.changeovers import Announced, announce, members_of
from supervisor.loader.contactors import charging
from supervisor.loader.cut_offs import CutOff, read_cut_offs
from supervisor.loader.documents import DocumentError, Item, parse, paths, read
from supervisor.loader.gateway import Gateway, read_gateway
from supervisor.loader.grid import read_mains
from supervisor.loader.installers import read_installers
from supervisor.loader.local import read_local
from supervisor.loader.policies import Policies, Vocabulary
from supervisor.loader.quantity import duration
from supervisor.loader.schedules import Calendar, read_calendar
from supervisor.loader.sections import add
from supervisor.loader.sites import Entry, Parts, read_bus, read_device, read_identity
from supervisor.site import Site

__all__ = ["DocumentError", "Loaded", "load"]

TITLE_MAX = 80  # characters, as the word that carries it allows (supervisor/wire.py)


@dataclass(frozen=True)
class Loaded:
    """A site, its plan, and how its identities come in (which the plan has no business to know). ``gateway``: what the
    network is offered. ``policies``
    and ``root`` keep where everything was written, ``texts`` what was read, by file name, for those who check or record
    a site; ``cut_offs`` what cuts a target off without us; ``installers`` the public keys of who acknowledges."""

    site: Site
    plan: Plan
    entries: Mapping[str, Entry]
    gateway: Gateway
    policies: Policies
    root: Item
    texts: Mapping[str, str]
    cut_offs: Mapping[str, CutOff]
    installers: Mapping[str, str]
    calendar: Calendar

    @property
    def tokens(self) -> Mapping[str, str]:
        """The hash of the token of each identity that has one."""
        return {name: entry.token for name, entry in self.entries.items() if entry.token}


def load(
    folder: Path, run_dir: str = "run", observe: bool = False, families: Mapping[str, Family] = FAMILIES
) -> Loaded:
    """The site in ``folder``. ``run_dir`` stands for ``{run}`` in channels; ``observe`` takes away every write path."""
    texts = [(path, read(path)) for path in paths(folder)]
    site_item, *policies = [parse(text, str(path)) for path, text in texts]
    name = _title(site_item.need("site", "give the house a name"))
    observe = observe or ((given := site_item.get("observe")) is not None and given.flag())
    cycle_ms = duration(site_item.need("cycle", "such as 50 ms"), 10, 1_000)
    grace_ms = duration(
        site_item.need("start_grace", "how long devices may take to appear, such as 10 s"), 1_000, 600_000
    )
    parts = _devices(site_item, observe, run_dir, families)
    written = [announce(parts, key, item) for key, item in _fields(site_item, "changeovers")]
    mains = read_mains(parts, _fields(site_item, "circuits"), site_item.get("grid"), cycle_ms)
    identities, entries = _identities(site_item)
    logins = {name: entry.login for name, entry in entries.items() if entry.login}
    gateway = read_gateway(site_item.get("gateway"), logins)
    numbers = {identity.name: i for i, identity in enumerate(identities)}
    words = Vocabulary(parts.names, parts.target_names, numbers, parts.places, parts.coil_names)
    words = replace(words, roles={identity.name: identity.role for identity in identities})
    words = replace(words, moved=_moved(written, words))
    words = replace(words, charging=charging(parts, words))
    contactors = read_contactors(parts, words)
    changeovers = read_changeovers(written, parts, words, contactors)
    local = read_local(site_item.get("local"), parts, words)
    cut_offs = read_cut_offs(site_item.get("cut_offs"), words)
    installers = read_installers(site_item.get("installers"))
    calendar, names = read_calendar(site_item, parts)
    words = replace(words, names=names)
    site_item.done()
    rules = Policies()
    for document in policies:
        add(rules, document, words)
    digest = _digest([text for _, text in texts], parts, observe)
    site = Site(name, digest, cycle_ms, observe, parts.bus_sites())
    rules.permissions = [*local.permissions, *rules.permissions]
    switching = Switching(contactors, changeovers, local.local)
    plan = assemble(site, grace_ms, parts, mains, (*identities, *local.identities), rules, switching)
    shown = {path.name: text for path, text in texts}
    return Loaded(site, plan, entries, gateway, rules, site_item, shown, cut_offs, installers, calendar)


def _moved(written: Sequence[Announced], words: Vocabulary) -> dict[str, str]:
    """For each contactor that belongs to a changeover, which one; none belongs to two."""
    moved: dict[str, str] = {}
    for changeover in written:
        for name, item in members_of(changeover, words).items():
            if name in moved:
                raise item.error(f"{name} already belongs to {moved[name]}; a contactor has one changeover")
            moved[name] = changeover.name
    return moved


def _title(item: Item) -> str:
    """The name of the house: it is shown on every page, so it is short and printable."""
    if not (1 <= len(item.text()) <= TITLE_MAX and item.text().isprintable()):
        raise item.error(f"write a name of 1 to {TITLE_MAX} characters on one line")
    return item.text()


def _fields(site: Item, key: str) -> list[tuple[str, Item]]:
    given = site.get(key)
    return list(given.fields().items()) if given is not None else []


def _devices(site: Item, observe: bool, run_dir: str, families: Mapping[str, Family]) -> Parts:
    parts = Parts()
    site.need("buses", "list the buses")
    for key, item in _fields(site, "buses"):
        read_bus(parts, key, item, observe, run_dir)
    site.need("devices", "list the devices")
    for key, item in _fields(site, "devices"):
        read_device(parts, key, item, families)
    return parts


def _identities(site: Item) -> tuple[tuple[Identity, ...], dict[str, Entry]]:
    identities: list[Identity] = []
    entries: dict[str, Entry] = {}
    for key, item in _fields(site, "orchestrators"):
        identity, entry = read_identity(key, item)
        if entry.token and entry.token in [other.token for other in entries.values()]:
            raise item.error("another orchestrator has the same token; nobody could tell the two apart")
        if entry.login and entry.login in [other.login for other in entries.values()]:
            remedy = "write one orchestrator with 'shared: true' for all who use it"
            raise item.error(f"another orchestrator has the login '{entry.login}' at the broker; {remedy}")
        identities.append(identity)
        entries[identity.name] = entry
    return tuple(identities), entries


def _digest(texts: list[str], parts: Parts, observe: bool) -> str:
    """One hex SHA-256 over the documents and what they and the families make of them: two processes that agree on it
    number, bound and name everything alike."""
    codes = [[sorted(place.spec.codes.items()) for place in device.signals] for device in parts.devices]
    numbering = [parts.signals, parts.targets, codes, observe]
    return hashlib.sha256(msgspec.json.encode([texts, numbering])).hexdigest()
