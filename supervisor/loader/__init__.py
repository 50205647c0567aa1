"""From a folder of documents to a site and a plan. The one door: :func:`load`.

A folder holds ``site.yaml``; every other ``*.yaml`` in it is a policy document, read in the order of the names. Either
everything loads or nothing does; the first thing that is wrong is a DocumentError with its file and line.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
from drivers.registry import FAMILIES

from drivers.contract import Family
from supervisor.kernel.plan import Identity, Plan
from supervisor.loader.assemble import assemble
from supervisor.loader.documents import DocumentError, Item, parse
from supervisor.loader.policies import Policies, Vocabulary, add
from supervisor.loader.quantity import duration
from supervisor.loader.sites import Parts, read_bus, read_circuit, read_device, read_identity
from supervisor.site import Site

__all__ = ["DocumentError", "Loaded", "load"]


@dataclass(frozen=True)
class Loaded:
    """A site, its plan, and the token hashes of its identities (which the plan has no business to know)."""

    site: Site
    plan: Plan
    tokens: Mapping[str, str]


def load(
    folder: Path, run_dir: str = "run", observe: bool = False, families: Mapping[str, Family] = FAMILIES
) -> Loaded:
    """The site in ``folder``. ``run_dir`` stands for ``{run}`` in channels; ``observe`` takes away every write path."""
    if not (folder / "site.yaml").is_file():
        raise DocumentError(str(folder / "site.yaml"), 1, "is not there; a site is a folder with a site.yaml in it")
    others = sorted(path for path in folder.glob("*.yaml") if path.name != "site.yaml")
    texts = [(path, _text(path)) for path in [folder / "site.yaml", *others]]
    documents = [parse(text, str(path)) for path, text in texts]
    site_item = documents[0]
    policies = documents[1:]
    name = site_item.need("site", "give the house a name").text()
    observe = observe or ((given := site_item.get("observe")) is not None and given.flag())
    cycle_ms = duration(site_item.need("cycle", "such as 50 ms"), 10, 1_000)
    grace_ms = duration(
        site_item.need("start_grace", "how long devices may take to appear, such as 10 s"), 1_000, 600_000
    )
    parts = _devices(site_item, observe, run_dir, families)
    circuits = tuple(read_circuit(parts, key, item) for key, item in _fields(site_item, "circuits"))
    identities, tokens = _identities(site_item)
    site_item.done()
    rules = Policies()
    words = Vocabulary(parts.names, parts.target_names, {identity.name: i for i, identity in enumerate(identities)})
    for document in policies:
        add(rules, document, words)
    digest = _digest([text for _, text in texts], parts, observe)
    site = Site(name, digest, cycle_ms, observe, parts.bus_sites())
    plan = assemble(site, grace_ms, parts, circuits, identities, rules)
    return Loaded(site, plan, tokens)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DocumentError(str(path), 1, f"cannot be read: {error}") from None


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


def _identities(site: Item) -> tuple[tuple[Identity, ...], dict[str, str]]:
    read = [read_identity(key, item) for key, item in _fields(site, "orchestrators")]
    return tuple(identity for identity, _ in read), {identity.name: token for identity, token in read}


def _digest(texts: list[str], parts: Parts, observe: bool) -> str:
    """One hex SHA-256 over the documents and the numbering that they lead to."""
    numbering = [signal.id for signal in parts.signals] + [target.id for target in parts.targets] + [str(observe)]
    return hashlib.sha256(msgspec.json.encode([texts, numbering])).hexdigest()
