"""Slips in interlocks, and in what policies say of positions: each is refused in one line that names the place and
the way out."""

from __future__ import annotations

from pathlib import Path

import pytest
from loader_slips import Slip, refused, slip
from loader_switching import POLICY, house

PAIR = "never_together: [relays.coil_3, relays.coil_4]"
COUNT = "at_most: 2\n    of: [relays.coil_3, relays.coil_4, mains.coil_6]"
STAGES = "break_before_make: [mains.coil_4, mains.coil_6]"
NEED = "contactor: mains.coil_6\n    requires: relays.coil_3"
CIRCLE = "contactor: relays.coil_3\n    requires: mains.coil_6  # HERE"
LAST = "contactor: relays.coil_4\n    requires: mains.coil_6  # HERE"
ONLY = "contactor: mains.coil_4\n    only_while: busmeter.frequency within 49.8 Hz .. 50.2 Hz"
CHOOSE = "target: phases.position\n    positions: [one, three]"
LOST = "target: phases.position\n    in: [orchestrator_lost]\n    value: one"
MODES = "in: [fault, maintenance]"
HEAT = "target: relays.coil_4\n    from: open\n    to: closed"


def cap(target: str, signal: str, blind: str) -> str:
    """A section with one cap, and the begin of the next section."""
    rule = f"{{why: no amount is told here, target: {target}, signal: {signal}, blind: {blind}}}"
    return f"caps:\n  odd: {rule}  # HERE\npermissions:\n"


INTERLOCKS = [
    slip(
        "no form", POLICY, f"    {PAIR}\n", "", "write exactly one of: never_together, at_most", at="  pump_or_heater:"
    ),
    slip(
        "two forms",
        POLICY,
        PAIR,
        f"{PAIR}\n    {STAGES.replace('mains', 'relays').replace('6', '3')}",
        "exactly one of",
        at="  pump_or_heater:",
    ),
    slip("one member", POLICY, PAIR, "never_together: [relays.coil_3]", "list at least two contactors, each once"),
    slip(
        "twice the same",
        POLICY,
        PAIR,
        "never_together: [relays.coil_3, relays.coil_3]",
        "relays.coil_3 stands here twice",
    ),
    slip(
        "no contactor in an interlock",
        POLICY,
        PAIR,
        "never_together: [relays.coil_3, panel.lamp]",
        "panel.lamp is no contactor",
    ),
    slip(
        "an unknown coil in an interlock",
        POLICY,
        PAIR,
        "never_together: [relays.coil_3, relays.coil_8]",
        "no target 'relays.coil_8'",
    ),
    slip("all of them", POLICY, COUNT, COUNT.replace("2\n", "3\n"), "3 is not within 1..2"),
    slip("none of them", POLICY, COUNT, COUNT.replace("2\n", "0\n"), "0 is not within 1..2"),
    slip("of whom", POLICY, COUNT, "at_most: 2", "'of' is missing; list the contactors", at="  two_of_three:"),
    slip(
        "no pause",
        POLICY,
        f"{STAGES}\n    dead_time: 10 s\n",
        f"{STAGES}\n",
        "'dead_time' is missing",
        at="  boiler_stages:",
    ),
    slip("a pause of nothing", POLICY, "dead_time: 10 s", "dead_time: 0 s", "not within 10..3600000 ms"),
    slip(
        "a pause where none is kept",
        POLICY,
        PAIR,
        f"{PAIR}\n    dead_time: 5 s  # HERE",
        "nobody knows 'dead_time' here",
    ),
    slip(
        "nothing needed",
        POLICY,
        NEED,
        "contactor: mains.coil_6",
        "say what it needs: 'requires: another",
        at="  boiler_needs_pump:",
    ),
    slip(
        "it requires itself",
        POLICY,
        NEED,
        "contactor: mains.coil_6\n    requires: mains.coil_6  # HERE",
        "cannot require itself; name",
    ),
    slip(
        "it requires a level",
        POLICY,
        NEED,
        "contactor: mains.coil_6\n    requires: wallbox.current  # HERE",
        "wallbox.current is no contactor",
    ),
    slip("they require each other", POLICY, ONLY, CIRCLE, "in a circle, so none could ever close"),
    slip(
        "three require each other",
        POLICY,
        ONLY,
        f"{CIRCLE.replace('mains.coil_6  # HERE', 'relays.coil_4')}\n  third:\n    why: the last of three\n    {LAST}",
        "in a circle",
    ),
    slip("only while is no question", POLICY, "only_while: busmeter", "only_while: the busmeter", "is no question"),
    slip(
        "an interlock says no why",
        POLICY,
        "    why: the two share a cable of 16 A\n",
        "",
        "'why' is missing",
        at="  pump_or_heater:",
    ),
    slip(
        "an interlock has an unknown key", POLICY, PAIR, f"{PAIR}\n    clear: 5 s  # HERE", "nobody knows 'clear' here"
    ),
    slip(
        "a contactor needs nothing of two forms",
        POLICY,
        NEED,
        f"{NEED}\n    of: [relays.coil_3]  # HERE",
        "nobody knows 'of'",
    ),
]

POLICIES = [
    slip(
        "a wrong position is permitted",
        POLICY,
        "positions: [one, three]",
        "positions: [one, tree]",
        "not one of open, one, three; did you mean 'three'?",
    ),
    slip(
        "a position's number is permitted",
        POLICY,
        "positions: [one, three]",
        "positions: [1, 2]",
        "'1' is not one of open, one",
    ),
    slip(
        "a band of positions",
        POLICY,
        CHOOSE,
        "target: phases.position\n    from: one\n    to: three",
        "'positions' is missing; list positions of open, one",
        at="  choose_phases:",
    ),
    slip(
        "positions of a coil",
        POLICY,
        HEAT,
        "target: relays.coil_4\n    positions: [open]",
        "'from' is missing",
        at="  heat:",
    ),
    slip("positions and a band", POLICY, CHOOSE, f"{CHOOSE}\n    from: one  # HERE", "nobody knows 'from'"),
    slip(
        "a member is permitted",
        POLICY,
        HEAT,
        HEAT.replace("relays.coil_4", "relays.coil_1  # HERE"),
        "relays.coil_1 is moved by phases alone; write phases.position",
    ),
    slip(
        "a member has a program",
        POLICY,
        LOST,
        LOST.replace("phases.position", "relays.coil_1  # HERE"),
        "is moved by phases alone",
    ),
    slip("a program for a wrong position", POLICY, "value: one", "value: two", "'two' is not one of open, one, three"),
    slip(
        "a program for another one's position",
        POLICY,
        "value: one",
        "value: grid",
        "'grid' is not one of open, one, three",
    ),
    slip(
        "a position has at most",
        POLICY,
        "then: {supply.position: stop}",
        "then: {supply.position: at most 1}",
        "no action for supply.position; write 'stop'",
    ),
    slip(
        "a position is told by a limit",
        POLICY,
        "then: {supply.position: stop}",
        "then: {supply.position: grid}",
        "'grid' is no action for supply.position",
    ),
    slip(
        "a restart moves a changeover",
        POLICY,
        MODES,
        "in: [starting, fault]",
        "would move phases at every restart; leave 'starting' out",
        at="then: {phases.position: stop, wallbox",
    ),
    slip(
        "a restart moves a member",
        POLICY,
        f"{MODES}\n    then: {{phases.position: stop,",
        "in: [starting]\n    then: {relays.coil_1: stop,",
        "would move phases at every restart",
        at="relays.coil_1: stop",
    ),
    slip(
        "a cap on a position",
        POLICY,
        "permissions:\n",
        cap("phases.position", "relays.drop_reason", "1"),
        "is a switch, and a cap is for amounts",
        "phases.position: stop",
    ),
    slip(
        "a cap on a contactor",
        POLICY,
        "permissions:\n",
        cap("relays.coil_4", "battery.charge_enable", "off"),
        "is a switch, and a cap is for amounts",
    ),
]


@pytest.mark.parametrize("wrong", INTERLOCKS + POLICIES)
def test_a_slip_in_an_interlock_or_a_policy_is_refused_at_its_line(
    wrong: Slip, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused(wrong, house(tmp_path), capsys)
