"""Facts: what devices and plant truly do, flat and named, from their own states.

A state is a mapping of names to numbers, texts, truths and lists; a mapping inside it becomes NAME_INNER. Devices say
it over their control socket (loopback) or are asked in this process (virtual): the facts are the same.

It must never ask the product.
"""

from __future__ import annotations

from collections.abc import Mapping

from hil.scenario.model import Fact


def facts_of(name: str, state: Mapping[str, object]) -> dict[str, Fact]:
    """The facts of one device; what is None is left out."""
    found: dict[str, Fact] = {}
    _collect(found, f"{name}.", state)
    return found


def _collect(found: dict[str, Fact], before: str, state: Mapping[str, object]) -> None:
    """The usual kinds come first, and a mapping, which is slow to recognise, last."""
    for key, value in state.items():
        if isinstance(value, (float, bool, str, list)):
            found[f"{before}{key}"] = value
        elif isinstance(value, int):
            found[f"{before}{key}"] = float(value)
        elif isinstance(value, Mapping):
            _collect(found, f"{before}{key}_", value)
