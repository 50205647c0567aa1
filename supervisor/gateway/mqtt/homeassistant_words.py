"""What Home Assistant is told about a quantity: the tables behind its entities (docs/homeassistant.md).

Rules
* A class, a unit and a state class that Home Assistant does not know together make it drop the entity: the units are
  those in which the gateway answers (gateway/units.py), and each stands beside the class that takes it.
* Names are for people, and never repeat the device's: Home Assistant puts that in front by itself.
* What only somebody looking for a fault wants to see is diagnostic. What repeats what we said, or moves all day and
  tells an owner nothing, is announced but disabled until somebody enables it.

This file must never know a topic.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Quantity:
    """``device_class`` and ``state_class`` as Home Assistant names them, "" where it has none. ``digits`` to show."""

    device_class: str
    state_class: str = "measurement"
    digits: int = 0


# kernel unit -> what it is (units that are no quantity, flag and code, are entities of other kinds)
QUANTITIES: Mapping[str, Quantity] = {
    "mV": Quantity("voltage", digits=1),
    "mA": Quantity("current", digits=1),
    "mW": Quantity("power"),
    "Wh": Quantity("energy", "total_increasing"),
    "mHz": Quantity("frequency", digits=2),
    "mdegC": Quantity("temperature", digits=1),
    "permille": Quantity("", digits=1),
    "ms": Quantity("duration", digits=1),
    "count": Quantity(""),
}
CHARGE = Quantity("battery")  # a percentage that is a state of charge
PLAIN = Quantity("")

# every mode of the house; Home Assistant wants to know all options of a sensor beforehand
MODES = ("starting", "observe", "normal", "degraded", "orchestrator_lost", "fault", "maintenance")

NAMES: Mapping[str, str] = {
    "soc": "state of charge",
    "soh": "state of health",
    "cvl": "charge voltage limit",
    "ccl": "charge current limit",
    "dcl": "discharge current limit",
    "dvl": "discharge voltage limit",
    "energy_import": "energy imported",
    "energy_export": "energy exported",
    "energy_total": "energy",
    "estop": "emergency stop",
}

_DIAGNOSTIC = re.compile(
    "error|warning|protection|soh|modules|(dis)?charge_enable|connected|drop_reason|permit|coil_supply|phases|allow"
    "|ccl|dcl|cvl|dvl"
)
_QUIET = re.compile(
    "coil_[0-9]+|coil_supply|rejected|drop_out|frequency|cable_ampere|ampere|phase_mode|force_state|force_charge"
    "|request_full_charge|phases|current_limit|power_limit|limit_percent|limit_enabled|revert_time|voltage_l[123]|cvl|dvl"
)


def quantity(unit: str, name: str) -> Quantity:
    """What a signal or target called ``name``, in a kernel unit, is to Home Assistant."""
    if unit == "permille" and name.startswith("soc"):
        return CHARGE
    return QUANTITIES.get(unit, PLAIN)


def label(name: str) -> str:
    """A name as people read it: "current_l1" is "Current L1"."""
    words = NAMES.get(name, name.replace("_", " ").replace(".", " "))
    words = re.sub(r"\b[lL]([123])\b", r"L\1", words)
    return words[:1].upper() + words[1:]


def is_diagnostic(name: str) -> bool:
    """Does only somebody who looks for a fault want to see this signal?"""
    return bool(_DIAGNOSTIC.fullmatch(name)) or is_quiet(name)


def is_quiet(name: str) -> bool:
    """Is this signal announced, but disabled until somebody wants it?"""
    return bool(_QUIET.fullmatch(name))
