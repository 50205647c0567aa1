"""What cuts a device off when everything of ours is dead: contactors that drop by themselves, or hardware in words.

    cut_offs:
      wallbox.current: [relays.coil_1, relays.coil_2]     # it hangs behind both, and each drops without us
      inverter1.power_limit: its breaker has an undervoltage release that the smoke detector opens

It is a statement about the wiring; ``powerwarden check`` asks for it where a device does not go to safe by itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from supervisor.loader.documents import Item
from supervisor.loader.policies import Vocabulary, contactor, find_target

WORDS_MIN, WORDS_MAX = 10, 200  # characters


@dataclass(frozen=True)
class CutOff:
    """``words``: of the hardware, "" where it is ``contactors`` (targets), all of which have to drop."""

    words: str
    contactors: tuple[int, ...]


def read_cut_offs(item: Item | None, words: Vocabulary) -> dict[str, CutOff]:
    """The section ``cut_offs`` by the target's name; nothing where there is none."""
    found: dict[str, CutOff] = {}
    for name, given in (item.fields() if item is not None else {}).items():
        _, target = find_target(name, given, words)
        if target.id in words.coils or target.id in words.places:
            raise given.error(f"{name} is a switch itself; name what flows, such as wallbox.current")
        found[name] = _read(given, name, words)
    return found


def _read(given: Item, name: str, words: Vocabulary) -> CutOff:
    if isinstance(given.value, list):
        own = name.partition(".")[0]
        for part in given:
            if part.text().partition(".")[0] == own:
                raise part.error(f"{own} cannot cut itself off; name a contactor of another device")
        return CutOff("", tuple(contactor(part, words) for part in given))
    if not (WORDS_MIN <= len(given.text().strip()) <= WORDS_MAX and given.text().isprintable()):
        raise given.error("write a list of contactors, such as [relays.coil_1], or describe the hardware in a sentence")
    return CutOff(given.text().strip(), ())
