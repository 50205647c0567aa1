"""Devices, facts, faults and conditions in a householder's words.

Tables first, mechanism below. What no table knows is said in the rig's own words: a wrong paraphrase is worse than a
technical one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from string import Formatter

from hil.house import House
from hil.report.facts import unit_of
from hil.report.scale import amount, span
from hil.scenario.model import Action, Broker, Clock, Flood, PowerCut, ToDevice, ToProcess, Wish

FAMILIES = {
    "sdm630": "meter",
    "goe": "wallbox",
    "pylontech": "battery",
    "relaynode": "contactor node",
    "sunspec": "inverter",
    "panel": "panel of buttons",
}
FAULTS = {
    "silent": "{your} fell silent",
    "frozen": "{your} froze: it kept repeating its old values",
    "late": "{your} began to answer {ms} ms late",
    "exception": "{your} answered every question with an error",
    "short_reply": "{your} sent answers that were too short",
    "nan": "{your} showed something that is no number",
    "not_available": "{your} said that its values were not available",
    "wrong_crc": "{your} sent wrong checksums",
    "wrong_order": "{your} mixed up the halves of its numbers",
    "wrong_unit": "{your} answered in the name of another device",
    "stuck_counter": "{your} repeated its alive counter",
    "value": "{your} showed {value} as its {register}, whatever was true",
    "welded": "contact {contact} of {your} welded",
    "dead_coil": "the coil of contact {contact} of {your} failed",
    "foreign": "contact {contact} of {your} was closed by somebody else",
    "chattering": "contact {contact} of {your} chattered",
    "wire_broken": "the feedback wire of contact {contact} of {your} broke",
    "deaf": "{your} heard commands and did nothing",
    "obstinate": "the car at {your} kept its current, whatever it was offered",
    "coil_supply": "the coils' supply of {your} sagged to {volt} V",
}
PLANT = {
    "grid_w": "the power from the grid",
    "grid_a": "the current from the grid",
    "car_w": "the power into the car",
    "pv_w": "the power of the sun",
    "battery_w": "the power out of the battery",
    "load_w": "the household's consumption",
    "voltage_v": "the voltage",
}
SETS = PLANT | {"pv_w": "the power of the sun", "grid_v": "the grid's voltage"}
DEVICE = {
    "ampere": "the current that the {device} allows",
    "offered_a": "the current that the {device} offers",
    "current_a": "the current through the {device}",
    "power_w": "the power of the {device}",
    "limit_w": "the limit of the {device}",
    "soc": "the charge of the {device}",
    "writes": "the number of commands to the {device}",
    "flash_writes": "the number of writes to the {device}'s flash memory",
}
COMPARED = {"<=": "at most", "<": "below", ">=": "at least", ">": "above", "==": "exactly", "!=": "anything but"}
PARTS = {
    "total": " in all",
    "max": " on the highest phase",
    "min": " on the lowest phase",
    "abs": ", either way,",
    "": "",
}
PROCESSES = {"guardian": "Powerwarden's guardian", "gateway": "Powerwarden's gateway"}

_FACT = r"(?P<name>[a-z]\w*\.\w+)(?:\[(?P<part>\d+)\])?"
_COUNT = re.compile(r"count\((?P<name>\w+\.closed)\) *(?P<how><=|>=|<|>|==|!=) *(?P<limit>\d+)")
_CONTACT = re.compile(rf"(?P<no>not )?{_FACT}")
_COMPARISON = re.compile(
    rf"(?:(?P<of>total|max|min|abs)\( *)?{_FACT} *\)? *(?P<how><=|>=|<|>|==|!=) *(?P<limit>-?\d+(?:\.\d+)?)"
)


def device_in_words(house: House, name: str) -> str:
    """ "meter", or "meter pvmeter" where the house has more than one of its kind."""
    families = {entry.name: entry.family.rpartition("_")[0] for entry in house.entries}
    family = families.get(name, "")
    word = FAMILIES.get(family, name)
    return f"{word} {name}" if list(families.values()).count(family) > 1 and word != name else word


def fact_in_words(house: House, fact: str, part: str = "") -> str:
    """The current that the wallbox allows; a fact that nobody has words for as it is."""
    device, _, inner = fact.partition(".")
    phase = f" on phase {part}" if part else ""
    if device == "plant" and inner in PLANT:
        return PLANT[inner] + phase
    if device != "plant" and inner in DEVICE:
        return DEVICE[inner].format(device=device_in_words(house, device)) + phase
    return f"{fact}[{part}]" if part else fact


def condition_in_words(house: House, text: str) -> str:
    """Comparisons of a fact with a limit, and contacts, as a past sentence; anything else as it was written."""
    parts = [_simple_in_words(house, part.strip()) for part in text.split(" and ")]
    known = [part for part in parts if part]
    return " and ".join(known) if len(known) == len(parts) else f"“{text}” was true"


def _simple_in_words(house: House, text: str) -> str:
    """One comparison or one contact; "" for what nobody has words for."""
    if found := _COUNT.fullmatch(text):
        device = device_in_words(house, found["name"].partition(".")[0])
        return f"the number of closed contacts of the {device} was {COMPARED[found['how']]} {found['limit']}"
    if found := _COMPARISON.fullmatch(text):
        limit = amount(float(found["limit"]), unit_of(found["name"]))
        fact = fact_in_words(house, found["name"], found["part"] or "")
        return f"{fact} was {COMPARED[found['how']]} {limit}{PARTS[found['of'] or '']}"
    if (found := _CONTACT.fullmatch(text)) and found["name"].endswith(".closed") and found["part"]:
        device = device_in_words(house, found["name"].partition(".")[0])
        return f"contact {found['part']} of the {device} was {'open' if found['no'] else 'closed'}"
    return ""


def action_in_words(house: House, action: Action, text: str) -> str:
    """What happened, as a sentence without its time; ``text`` is what the scenario's file says."""
    match action:
        case ToDevice(device=device, request={"fault": str(fault), **parameters}):
            return _broken(house, device, fault, parameters)
        case ToDevice(device=device, request={"clear": _}):
            return f"your {device_in_words(house, device)} was well again"
        case ToDevice(device="plant", request={"set": str(name), "value": value}) if name in SETS:
            number = amount(value, unit_of(name)) if isinstance(value, int | float) else str(value)
            return f"{SETS[name]} became {number}"
        case Wish(who=who):
            return f"{who} {_wish(house, action)}"
        case Flood(who=who, target=target, per_s=per_s, for_s=for_s):
            return f"{who} went mad and asked for {target} {per_s:g} times a second, for {span(1000 * for_s)}"
        case ToProcess(part=part, what=what):
            how = {"kill": "was killed", "stop": "was halted", "resume": "went on"}.get(what, what)
            return f"{PROCESSES.get(part, f'the process of the bus {part}')} {how}"
        case Clock(jump_s=jump_s):
            return f"somebody put the clock {'forward' if jump_s >= 0 else 'back'} by {span(1000 * abs(jump_s))}"
        case PowerCut(for_s=for_s):
            return f"the power was cut for {span(1000 * for_s)}"
        case Broker(up=up):
            return f"the MQTT broker {'came back' if up else 'was gone'}"
    return text


def _broken(house: House, device: str, fault: str, given: Mapping[str, object]) -> str:
    """With a parameter that was left out, the device takes its default."""
    your = f"your {device_in_words(house, device)}"
    kinds = next((entry.make(0).faults.kinds for entry in house.entries if entry.name == device), {})
    parameters = {**(kinds[fault].defaults if fault in kinds else {}), **given}
    phrase = FAULTS.get(fault, "")
    if phrase and all(name in parameters or name == "your" for _, name, _, _ in Formatter().parse(phrase) if name):
        return phrase.format(your=your, **parameters)
    told = ", ".join(f"{name} {value}" for name, value in given.items())
    meaning = kinds[fault].meaning if fault in kinds else fault.replace("_", " ")
    return f"{your} had a fault: {meaning}{f' ({told})' if told else ''}"


def _wish(house: House, wish: Wish) -> str:
    target = target_in_words(house, wish.target)
    if wish.verb == "heartbeat":
        return "said that it is alive"
    if wish.verb != "set" or wish.value is None:
        verbs = {"renew": "renewed its wish for", "release": "let go of", "stop": "stopped"}
        return f"{verbs.get(wish.verb, wish.verb)} {target}"
    lasting = f" for {span(1000 * wish.for_s)}" if wish.for_s else ""
    if wish.unit == "flag":
        return f"asked to switch {target} {'on' if wish.value else 'off'}{lasting}"
    return f"asked for {amount(wish.value, wish.unit)} at {target}{lasting}"


def target_in_words(house: House, target: str) -> str:
    """The wallbox; contact 2 of the contactor node; a target that is no device of the house as it is."""
    device, _, inner = target.partition(".")
    if device not in {entry.name for entry in house.entries}:
        return target
    coil = re.fullmatch(r"coil_(\d+)", inner)
    return f"{f'contact {coil[1]} of ' if coil else ''}the {device_in_words(house, device)}"
