"""Slips in what a site says about its contactors: each is refused in one line that names the place and the way out."""

from __future__ import annotations

from pathlib import Path

import pytest
from loader_slips import SITE, Slip, refused, slip
from loader_switching import house

PUMP = "zero_flow: submeter.current_l1 below 200 mA"
HEATER = "coil_4: {breaks_load: 0 s, per_hour: 20}"
PHASE = "coil_1: {per_hour: 12}"
SIGNED = "has a sign, so this says nothing about the other direction; write 'within"

CONTACTORS = [
    slip(
        "nothing says how it opens",
        SITE,
        HEATER,
        "coil_4: {per_hour: 20}",
        "may carry a current",
        "{coil_4: {breaks",
        at="  relays:",
    ),
    slip(
        "a member has a zero flow", SITE, PHASE, f"coil_1: {{{PUMP}}}", "belongs to a changeover", "'flow' and 'dwell'"
    ),
    slip("a member has a least time on", SITE, PHASE, "coil_1: {min_on: 5 s}", "belongs to a changeover; write"),
    slip("a member has a least time off", SITE, PHASE, "coil_1: {min_off: 5 s}", "belongs to a changeover; write"),
    slip("a key of a coil is misspelt", SITE, HEATER, "coil_4: {breaks_loads: 0 s}", "did you mean 'breaks_load'?"),
    slip(
        "a level is given a contactor's key",
        SITE,
        "lamp: {silence: on}",
        "lamp: {silence: on, breaks_load: 0 s}",
        "nobody knows 'breaks_load'",
    ),
    slip("a coil is not there", SITE, HEATER, "coil_9: {breaks_load: 0 s}", "nobody knows 'coil_9'", "mean 'coil_"),
    slip("an hour has no switching", SITE, HEATER, "coil_4: {breaks_load: 0 s, per_hour: 0}", "0 is not within 1..60"),
    slip("an hour has too many", SITE, HEATER, "coil_4: {breaks_load: 0 s, per_hour: 61}", "61 is not within 1..60"),
    slip("a rating has no unit", SITE, HEATER, "coil_4: {breaks_load: 0}", "'0' has no unit"),
    slip("a travel takes for ever", SITE, "travel: 200 ms", "travel: 2 min", "not within 10..60000 ms"),
    slip("a travel takes no time", SITE, "travel: 200 ms", "travel: 0 ms", "not within 10..60000 ms"),
    slip("a least time is a current", SITE, "min_on: 2 min", "min_on: 2 A", "the unit 'A' does not fit"),
]

ZERO = [
    slip(
        "one side of a current with a sign",
        SITE,
        PUMP,
        "zero_flow: battery.current below 1 A",
        "battery.current",
        SIGNED,
    ),
    slip(
        "the same inside of several",
        SITE,
        PUMP,
        "zero_flow: {any of: [submeter.current_l1 below 1 A, battery.current below 1 A]}",
        SIGNED,
    ),
    slip(
        "two half proofs",
        SITE,
        PUMP,
        "zero_flow: {all of: [battery.current below 1 A, battery.current above -1 A]}",
        SIGNED,
    ),
    slip("the wrong side", SITE, PUMP, "zero_flow: submeter.current_l1 above 1 A", "near zero", "write 'below"),
    slip("a range without zero", SITE, PUMP, "zero_flow: battery.current within 1 A .. 2 A", "near zero"),
    slip("a range from outside", SITE, PUMP, "zero_flow: battery.current outside -1 A .. 1 A", "near zero"),
    slip(
        "no power is no proof", SITE, PUMP, "zero_flow: submeter.power_l1 within -5 W .. 5 W", "only a current proves"
    ),
    slip("not to be seen is no proof", SITE, PUMP, "zero_flow: submeter unseen", "only a current proves that nothing"),
    slip("to be seen is no proof", SITE, PUMP, "zero_flow: submeter seen", "only a current proves that nothing"),
    slip(
        "a proof or something else",
        SITE,
        PUMP,
        "zero_flow: {any of: [submeter.current_l1 below 1 A, submeter unseen]}",
        "only a current",
    ),
    slip("an unknown current", SITE, PUMP, "zero_flow: submeter.curent_l1 below 1 A", "mean 'submeter.current_l1'?"),
]


@pytest.mark.parametrize("wrong", CONTACTORS + ZERO)
def test_a_slip_in_a_contactor_is_refused_at_its_line(
    wrong: Slip, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused(wrong, house(tmp_path), capsys)
