"""Which device families exist: the one list. A family file that is not in it fails the build.

Rules
* The list is explicit: nothing is discovered, nothing can be dropped into a folder, and what is imported is what is
  read here. A stem is at once the name in site.yaml, of the driver, its table, its simulator and its tests.

This file must never import the blueprint: that one is for people.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType

from drivers import goe_modbus, panel_gpio, pylontech_can, relaynode_can, sdm630_modbus, sunspec_modbus
from drivers.contract import Family

FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "goe_modbus": goe_modbus.FAMILY,
        "panel_gpio": panel_gpio.FAMILY,
        "pylontech_can": pylontech_can.FAMILY,
        "relaynode_can": relaynode_can.FAMILY,
        "sdm630_modbus": sdm630_modbus.FAMILY,
        "sunspec_modbus": sunspec_modbus.FAMILY,
    }
)


class UnknownDriver(LookupError):
    """A stem that is in no line above. The text names the nearest that are."""


def family(stem: str) -> Family:
    """The family of that stem. Raises UnknownDriver."""
    if stem in FAMILIES:
        return FAMILIES[stem]
    near = get_close_matches(stem, FAMILIES, n=3, cutoff=0.4) or sorted(FAMILIES)
    raise UnknownDriver(f"no driver {stem!r}; did you mean {' or '.join(near)}?")
