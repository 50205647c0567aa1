"""Slips in what somebody in the house can press or turn: each is refused in one line that names the place and the
way out."""

from __future__ import annotations

from pathlib import Path

import pytest
from loader_slips import SITE, Slip, refused, slip
from loader_switching import house

RESET = "  reset: panel.reset is pressed\n"
LOCKS = "locks: [mains.coil_1, mains.coil_2, mains.coil_3]"
SET = "set: {phases.position: three, wallbox.current: 16 A}"

HANDS = [
    slip(
        "nobody can reset after maintenance",
        SITE,
        RESET,
        "",
        "somebody must confirm; say what resets",
        at="  maintenance:",
    ),
    slip("maintenance locks nothing", SITE, f"    {LOCKS}\n", "", "'locks' is missing", at="  maintenance:"),
    slip("maintenance locks no contactor", SITE, LOCKS, "locks: [wallbox.current]", "wallbox.current is no contactor"),
    slip(
        "maintenance begins never",
        SITE,
        "    when: panel.key is on\n",
        "",
        "'when' is missing; the key switch",
        at="  maintenance:",
    ),
    slip(
        "maintenance has an unknown key",
        SITE,
        LOCKS,
        f"{LOCKS}\n    lock: mains.coil_1  # HERE",
        "did you mean 'locks'?",
    ),
    slip("a lost panel resets", SITE, RESET, "  reset: panel unseen\n", "somebody must be known to have done it"),
    slip(
        "a found panel resets",
        SITE,
        RESET,
        "  reset: {any of: [panel.reset is pressed, panel seen]}\n",
        "somebody must be known",
    ),
    slip(
        "a lost panel is a press",
        SITE,
        "when: panel.car_button is pressed",
        "when: panel unseen",
        "somebody must be known",
    ),
    slip("a lost panel is maintenance", SITE, "when: panel.key is on", "when: panel unseen", "somebody must be known"),
    slip("a press is unknown", SITE, RESET, "  reset: panel.reset is pushed\n", "no code 'pushed'"),
    slip("a button asks for nothing", SITE, SET, "set: {}", "is empty; say what it asks for"),
    slip(
        "a button says no why",
        SITE,
        "      why: whoever comes home and presses it wants the car full\n",
        "",
        "'why' is missing",
        at="    car_button:",
    ),
    slip("a button asks for ever", SITE, "for: 8 h", "for: 25 h", "not within 1000..86400000 ms"),
    slip(
        "a button asks for a wrong position",
        SITE,
        SET,
        SET.replace("three", "tree"),
        "not one of open, one, three; did you mean 'three'?",
    ),
    slip("a button asks for a number", SITE, SET, SET.replace("three", "2"), "'2' is not one of open, one, three"),
    slip(
        "a button asks a member",
        SITE,
        SET,
        "set: {relays.coil_1: closed}",
        "moved by phases alone; write phases.position",
    ),
    slip("a button asks too much", SITE, SET, SET.replace("16 A", "17 A"), "wallbox.current cannot do 17 A"),
    slip("a button asks for a forbidden band", SITE, SET, SET.replace("16 A", "3 A"), "wallbox.current cannot do 3 A"),
    slip(
        "a button asks an unknown target", SITE, SET, SET.replace("phases", "phase"), "did you mean 'phases.position'?"
    ),
    slip("a button has a bad name", SITE, "    car_button:\n", "    Car:  # HERE\n", "'Car' is no name"),
    slip(
        "a button has an unknown key",
        SITE,
        "for: 8 h",
        "for: 8 h\n      who: [optimiser]  # HERE",
        "nobody knows 'who' here",
    ),
    slip(
        "the section has an unknown key",
        SITE,
        RESET,
        f"{RESET}  resets: panel.key is on  # HERE\n",
        "did you mean 'reset'?",
    ),
]


@pytest.mark.parametrize("wrong", HANDS)
def test_a_slip_in_the_local_hand_is_refused_at_its_line(
    wrong: Slip, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused(wrong, house(tmp_path), capsys)
