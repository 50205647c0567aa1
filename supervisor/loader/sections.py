"""One policy document, section by section."""

from __future__ import annotations

from supervisor.loader.documents import Item
from supervisor.loader.interlocks import interlock
from supervisor.loader.network import network
from supervisor.loader.permissions import ban, permission, program
from supervisor.loader.policies import Policies, Vocabulary, cap, limit, mode_rule


def add(policies: Policies, document: Item, words: Vocabulary) -> None:
    """Read one document into ``policies``, which keeps the order of the documents as their layers."""
    policies.documents += 1
    sections = {
        "limits": limit,
        "interlocks": interlock,
        "caps": cap,
        "house_modes": mode_rule,
        "permissions": permission,
        "refusals": ban,
        "network": network,
        "programs": program,
    }
    for section, reader in sections.items():
        part = document.get(section)
        if part is not None:
            for name, item in part.fields().items():
                reader(policies, policies.claim(section, name, item), item, words)
                item.done()
    for section, kept in (("situations", policies.situations), ("examples", policies.examples)):
        part = document.get(section)  # what `powerwarden check` tries out; no rule of the house
        if part is not None:
            for name, item in part.fields().items():
                policies.claim(section, name, item)
                kept[name] = item
    document.done()
