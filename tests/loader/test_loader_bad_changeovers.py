"""Slips in changeovers, their positions and currents: each is refused in one line that names the place and the way
out."""

from __future__ import annotations

from pathlib import Path

import pytest
from loader_slips import SITE, Slip, refused, slip
from loader_switching import house

ONE = "one: {closed: [relays.coil_1]}"
THREE = "three: {closed: [relays.coil_1, relays.coil_2]}"
PHASES = "phases:\n    why: a car on three phases needs 4.1 kW, on one it can live from a cloudy roof\n"
GRID = "closed: [mains.coil_1]\n"
ONTO = "onto: busmeter.voltage_l1 within 0 V .. 20 V"
OF = "of: [feed.current_l1, feed.current_l2, feed.current_l3]"
AGAINST = "against: [wallbox.current_l1, wallbox.current_l2, none]"
THROUGH = "through: [[relays.coil_1], [relays.coil_2], [relays.coil_2]]"
DRAIN = "drain: {wallbox.current: stop}"
FLOW = f"flow:\n      {OF}\n      {AGAINST}\n      {THROUGH}\n      below: 500 mA\n      shown_by: 1 A\n"

POSITIONS = [
    slip(
        "no position", SITE, f"positions:\n      {ONE}\n      {THREE}\n", "positions: {}\n", "write 1 to 16 positions"
    ),
    slip(
        "a position is called open",
        SITE,
        ONE,
        ONE.replace("one", "open"),
        "'open' is the position in which all",
        "another name",
    ),
    slip("a position is called stop", SITE, ONE, ONE.replace("one", "stop"), "'stop' is what sends it to its safe"),
    slip("a position has a bad name", SITE, ONE, ONE.replace("one", "One"), "'One' is no name"),
    slip(
        "twin positions",
        SITE,
        THREE,
        f"{THREE}\n      again: {{closed: [relays.coil_1]}}  # HERE",
        "closes the same contactors as 'one'",
    ),
    slip(
        "twin positions in another order",
        SITE,
        ONE,
        "one: {closed: [relays.coil_1, relays.coil_2]}",
        "the same contactors as 'one'",
        at="      three:",
    ),
    slip(
        "positions contradict in their order",
        SITE,
        THREE,
        f"{THREE}\n      odd: {{closed: [relays.coil_2, relays.coil_1]}}  # HERE",
        "in another order",
        "write one order",
    ),
    slip("a position closes nothing", SITE, ONE, "one: {closed: []}", "the list is empty"),
    slip("a position says nothing", SITE, ONE, "one: {}", "'closed' is missing"),
    slip("a contactor twice", SITE, THREE, "three: {closed: [relays.coil_1, relays.coil_1]}", "stands here twice"),
    slip(
        "a contactor in two changeovers",
        SITE,
        GRID,
        "closed: [mains.coil_1, relays.coil_2]\n",
        "relays.coil_2 already belongs to phases",
    ),
    slip(
        "an unknown coil",
        SITE,
        ONE,
        "one: {closed: [relays.coil_5]}",
        "there is no target 'relays.coil_5'; did you mean",
    ),
    slip("no contactor", SITE, ONE, "one: {closed: [wallbox.current]}", "wallbox.current is no contactor"),
    slip("a lamp", SITE, ONE, "one: {closed: [panel.lamp]}", "panel.lamp is no contactor"),
    slip("another changeover", SITE, ONE, "one: {closed: [supply.position]}", "supply.position is no contactor"),
    slip(
        "a key of a position is misspelt",
        SITE,
        ONE,
        "one: {closed: [relays.coil_1], alows: {}}",
        "did you mean 'allows'?",
    ),
    slip(
        "an unknown safe place",
        SITE,
        "safe: open\n    drain: {wallbox.current: stop}",
        "safe: opened\n    drain: {wallbox.current: stop}",
        "not one of open, one, three; did you mean 'open'?",
    ),
    slip(
        "no safe place",
        SITE,
        "    safe: open\n    drain: {wallbox.current: stop}\n",
        "    drain: {wallbox.current: stop}\n",
        "'safe' is missing; where a stop sends it",
        at="  phases:",
    ),
    slip("the name of a device", SITE, "  phases:\n", "  feed:  # HERE\n", "'feed' is already a device"),
    slip("a changeover says no why", SITE, PHASES, "phases:\n", "'why' is missing", at="  phases:"),
    slip("a key of a changeover is misspelt", SITE, "dwell: 7 min", "dwel: 7 min", "did you mean 'dwell'?"),
    slip("a dwell is a voltage", SITE, "dwell: 7 min", "dwell: 7 V", "the unit 'V' does not fit"),
    slip("a dwell of days", SITE, "dwell: 7 min", "dwell: 25 h", "not within 0..86400000 ms"),
    slip("no dead time", SITE, "dead_time: 1 s\n", "dead_time: 0 s\n", "not within 100..3600000 ms"),
    slip(
        "the dead time is missing",
        SITE,
        "    dead_time: 1 s\n",
        "",
        "'dead_time' is missing; how long all is open",
        at="  phases:",
    ),
    slip(
        "the rest is missing", SITE, "    settle: 10 s\n", "", "'settle' is missing; how long it rests", at="  phases:"
    ),
    slip("it drains for no time", SITE, "drain_within: 30 s", "drain_within: 0 s", "not within 1000..3600000 ms"),
    slip("it looks for no time", SITE, "onto_within: 20 s", "onto_within: 0 s", "not within 100..3600000 ms"),
    slip(
        "a place allows an unknown target",
        SITE,
        "allows: {wallbox.current",
        "allows: {walbox.current",
        "did you mean 'wallbox.current'?",
    ),
    slip(
        "a place forbids its own contactor",
        SITE,
        "allows: {wallbox.current: at most 6 A}",
        "allows: {mains.coil_2: stop}",
        "mains.coil_2 is moved by supply itself",
    ),
    slip(
        "a place forbids itself",
        SITE,
        "allows: {wallbox.current: at most 6 A}",
        "allows: {supply.position: stop}",
        "supply.position is moved by supply itself",
    ),
    slip("onto is no question", SITE, ONTO, "onto: a dead bus", "is no question"),
]

FLOWS = [
    slip(
        "no drain", SITE, f"    {DRAIN}\n", "", "'drain' is missing; say what brings the flow to zero", at="  phases:"
    ),
    slip(
        "nothing drains what is not rated",
        SITE,
        DRAIN,
        "drain: {}",
        "relays.coil_1 is not rated to break it",
        "such as {wallbox",
    ),
    slip(
        "a drain leaves a flow",
        SITE,
        DRAIN,
        "drain: {wallbox.current: at most 6 A}",
        "leaves a flow through wallbox.current",
        "'stop'",
    ),
    slip("a drain is a floor", SITE, DRAIN, "drain: {wallbox.current: at least 0 A}", "leaves a flow", "at most 0"),
    slip(
        "a drain is its own contactor",
        SITE,
        DRAIN,
        "drain: {relays.coil_1: stop}",
        "relays.coil_1 is moved by phases itself",
    ),
    slip(
        "a drain is another one's contactor",
        SITE,
        DRAIN,
        "drain: {mains.coil_1: stop}",
        "mains.coil_1 is moved by supply itself",
    ),
    slip(
        "a drain is its own position",
        SITE,
        DRAIN,
        "drain: {phases.position: stop}",
        "moved by phases itself",
        "name what draws",
    ),
    slip("a drain is unknown", SITE, DRAIN, "drain: {walbox.current: stop}", "did you mean 'wallbox.current'?"),
    slip(
        "no flow",
        SITE,
        "    flow: {of: [busmeter.current_l1, busmeter.current_l2], below: 300 mA, shown_by: 600 mA, for: 2 s}\n",
        "",
        "'flow' is missing; say which currents",
        at="  supply:",
    ),
    slip("no current", SITE, OF, "of: []", "the list is empty"),
    slip(
        "a meter proves itself",
        SITE,
        OF,
        OF.replace("feed.current_l2", "wallbox.current_l2"),
        "wallbox cannot prove its own zero flow; name another",
    ),
    slip(
        "a meter is compared with itself",
        SITE,
        AGAINST,
        "against: [wallbox.current_l1, feed.current_l2, none]",
        "feed would be compared with itself",
    ),
    slip(
        "a current twice",
        SITE,
        OF,
        OF.replace("feed.current_l2", "feed.current_l1"),
        "feed.current_l1 stands here twice",
    ),
    slip(
        "a power is no current",
        SITE,
        OF,
        OF.replace("feed.current_l2", "feed.power_l2"),
        "zero flow is proven by a current",
    ),
    slip(
        "a power is compared", SITE, AGAINST, "against: [wallbox.power, none, none]", "zero flow is proven by a current"
    ),
    slip(
        "a current is unknown",
        SITE,
        OF,
        OF.replace("feed.current_l2", "feed.curent_l2"),
        "did you mean 'feed.current_l",
    ),
    slip("one doubter too few", SITE, AGAINST, "against: [none, none]", "one per current: 3, not 2; write none"),
    slip("one doubter too many", SITE, AGAINST, "against: [none, none, none, none]", "one per current: 3, not 4"),
    slip("one list of carriers too few", SITE, THROUGH, "through: [[relays.coil_1], [relays.coil_2]]", "3, not 2"),
    slip(
        "a carrier of another changeover",
        SITE,
        THROUGH,
        THROUGH.replace("[relays.coil_1]", "[mains.coil_1]"),
        "mains.coil_1 does not belong to this",
    ),
    slip(
        "no current proves one contactor",
        SITE,
        THROUGH,
        THROUGH.replace("relays.coil_2", "relays.coil_1"),
        "no current proves that nothing flows through relays.coil_2",
    ),
    slip(
        "zero is what shows the meter",
        SITE,
        "shown_by: 1 A",
        "shown_by: 500 mA",
        "must be more than what counts as zero",
    ),
    slip("zero is exactly zero", SITE, "below: 500 mA", "below: 0 A", "no meter says exactly zero"),
    slip("zero is a voltage", SITE, "below: 500 mA", "below: 500 mV", "write it in mA or A"),
    slip(
        "nothing shows the meter",
        SITE,
        FLOW,
        FLOW.replace("      shown_by: 1 A\n", ""),
        "'shown_by' is missing; the current by which",
    ),
    slip(
        "nothing is zero",
        SITE,
        FLOW,
        FLOW.replace("      below: 500 mA\n", ""),
        "'below' is missing; what counts as zero",
    ),
    slip("calm for no time", SITE, "for: 6 s", "for: 0 s", "not within 100..3600000 ms"),
    slip("a skew of an hour", SITE, "skew: 8 s", "skew: 1 h", "not within 100..600000 ms"),
    slip("a key of a flow is misspelt", SITE, "skew: 8 s", "scew: 8 s", "did you mean 'skew'?"),
]


@pytest.mark.parametrize("wrong", POSITIONS + FLOWS)
def test_a_slip_in_a_changeover_is_refused_at_its_line(
    wrong: Slip, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused(wrong, house(tmp_path), capsys)
