"""Which device families exist: the one list. A family file that is not in it fails the build.

Rules
* The list is explicit: nothing is discovered, nothing can be dropped into a folder, and what is imported is what is
  read here. A stem is at once the name in site.yaml, of the driver, its table, its simulator and its tests.

This file must never import the blueprint: that one is for people.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from importlib import import_module

from drivers.contract import Family

STEMS = ("goe_modbus", "panel_gpio", "pylontech_can", "relaynode_can", "sdm630_modbus", "sunspec_modbus")


class Families(Mapping[str, Family]):
    """By stem. A family is imported when it is first asked for: reading its table costs each process that starts."""

    def __getitem__(self, stem: str) -> Family:
        if stem not in STEMS:
            raise KeyError(stem)
        found = import_module(f"drivers.{stem}").FAMILY
        if not isinstance(found, Family):
            raise TypeError(f"drivers.{stem}.FAMILY is a {type(found).__name__}")
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(STEMS)

    def __len__(self) -> int:
        return len(STEMS)


FAMILIES: Mapping[str, Family] = Families()


class UnknownDriver(LookupError):
    """A stem that is in no line above. The text names the nearest that are."""


def family(stem: str) -> Family:
    """The family of that stem. Raises UnknownDriver."""
    if stem in FAMILIES:
        return FAMILIES[stem]
    near = get_close_matches(stem, FAMILIES, n=3, cutoff=0.4) or sorted(FAMILIES)
    raise UnknownDriver(f"no driver {stem!r}; did you mean {' or '.join(near)}?")
