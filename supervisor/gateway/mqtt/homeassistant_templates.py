"""The templates that turn our JSON into Home Assistant's states.

Rules
* A value that we do not know (null, or of a quality that is no measurement) is *unknown* there, never 0. "None" says so
  to numbers, switches and selects of all releases; to texts and enumerations only to newer ones, so these are given
  "unknown", which is the same state.
* An energy is told only while it is good: a single wrong reading of a counter counts as a meter that was exchanged.
* A state has at most STATE_MAX characters; Home Assistant drops a longer one without a word to the user.
* A topic that is cleared says nothing: then everything is unknown, and Home Assistant's log stays clean.

This file must never know a device.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

STATE_MAX = 255
TRUSTED = ("good", "suspect")  # a suspect value may be a real short; whoever looks should see it
UNKNOWN = "unknown"
_SAID = "{% set said = value_json | default({}, true) %}"  # nothing where the message was empty


def reading(signal: str, only_good: bool = False) -> str:
    """A number from a device's state."""
    return _reading(signal, ("good",) if only_good else TRUSTED) + "{{ r.value if ok else none }}"


def flag(signal: str) -> str:
    """ON or OFF from a device's state."""
    return _reading(signal, TRUSTED) + "{{ ('ON' if r.value else 'OFF') if ok else none }}"


def code(signal: str, codes: Iterable[tuple[int, str]]) -> str:
    """A code's name from a device's state; one that nobody has named is unknown."""
    return _reading(signal, TRUSTED) + f"{{{{ {_table(codes)}.get(r.value, '{UNKNOWN}') if ok else '{UNKNOWN}' }}}}"


def text(signal: str) -> str:
    """A bare code from a device's state: bits that have no names."""
    return _reading(signal, TRUSTED) + f"{{{{ r.value if ok else '{UNKNOWN}' }}}}"


def product(one: str, other: str) -> str:
    """The product of two readings, such as volts and amperes."""
    return (
        f"{_SAID}{{% set a = said.get('{one}') or {{}} %}}{{% set b = said.get('{other}') or {{}} %}}"
        f"{{{{ (a.value * b.value) | round(0) if a.get('quality') == 'good' and b.get('quality') == 'good' "
        "and a.get('value') is not none and b.get('value') is not none else none }}"
    )


def _reading(signal: str, qualities: tuple[str, ...]) -> str:
    found = f"{_SAID}{{% set r = said.get('{signal}') or {{}} %}}"
    return found + f"{{% set ok = r.get('quality') in {list(qualities)} and r.get('value') is not none %}}"


# ---- a target's state --------------------------------------------------------------------------------------------
# What is held, or what is said to the device where nobody holds it: a wish that was clipped jumps to what was granted.
_HELD = _SAID + "{% set v = said.get('held') %}{% if v is none %}{% set v = said.get('output') %}{% endif %}"


def held() -> str:
    """What somebody holds, or what is in force without anybody."""
    return _HELD + "{{ v }}"


def held_flag() -> str:
    """The same of a switch."""
    return _HELD + "{{ none if v is none else 'on' if v in [1, 1.0, true, 'on'] else 'off' }}"


def held_position(codes: Iterable[tuple[int, str]]) -> str:
    """The same of a changeover, by name."""
    names = tuple(codes)
    known = json.dumps([name for _, name in names])
    return _HELD + f"{{{{ {_table(names)}.get(v, v if v in {known} else none) }}}}"


def field(name: str) -> str:
    """A number of a target's state, or unknown."""
    return f"{_SAID}{{{{ said.get('{name}') }}}}"


def words(name: str, otherwise: str) -> str:
    """A text of a target's or the house's state, cut to what a state can hold."""
    return f"{_SAID}{{{{ (said.get('{name}') or ('{otherwise}' if said else '{UNKNOWN}'))[:{STATE_MAX}] }}}}"


def attributes(**names: str) -> str:
    """Attributes: ours by the name of the field."""
    fields = ", ".join(f"'{shown}': said.get('{name}')" for shown, name in names.items())
    return f"{_SAID}{{{{ {{{fields}}} | tojson }}}}"


def one_of(name: str, options: Iterable[str]) -> str:
    """A text that is one of ``options``, else unknown."""
    return f"{_SAID}{{% set v = said.get('{name}') %}}{{{{ v if v in {json.dumps(list(options))} else '{UNKNOWN}' }}}}"


def yes(condition: str) -> str:
    """ON where ``condition`` holds of what was ``said``."""
    return f"{_SAID}{{{{ none if not said else 'ON' if {condition} else 'OFF' }}}}"


RULES = (
    f"{_SAID}{{{{ (said.get('trips', []) | map(attribute='rule') | join(', ') or ('none' if said else '{UNKNOWN}'))"
    f"[:{STATE_MAX}] }}}}"
)
RULES_WHY = (
    _SAID + "{% set ns = namespace(rows=[]) %}{% for t in said.get('trips', []) %}{% set ns.rows = ns.rows + "
    "[{'rule': t.rule, 'why': t.why, 'answer': t.answer, 'latched': t.latched}] %}{% endfor %}"
    "{{ {'rules': ns.rows} | tojson }}"
)


def _table(codes: Iterable[tuple[int, str]]) -> str:
    return "{" + ", ".join(f"{number}: {json.dumps(name)}" for number, name in codes) + "}"
