"""What two questions of a proof come to: whatever is said, a contactor is never shown open and closed at once."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
from loader_slips import SITE, Slip, make
from loader_switching import house

from supervisor.kernel.plan import Plan
from supervisor.kernel.question import NO, UNKNOWN, YES
from supervisor.kernel.signal import MISSING, Quality, Reading
from supervisor.kernel.switchgear import Contactor
from supervisor.loader.load import load


def signal(plan: Plan, name: str) -> int:
    return next(i for i, signal in enumerate(plan.signals) if signal.id == name)


def contactor(plan: Plan, name: str) -> Contactor:
    (found,) = [target.contactor for target in plan.targets if target.id == name]
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("open_", "closed"),
    [
        ("panel.aux_1 is open", "busmeter.voltage_l1 above 100 V"),
        ("panel.aux_1 is open", "busmeter.voltage_l1 below 20 V"),
        ("panel.aux_1 is open", "busmeter.voltage_l1 within 100 V .. 260 V"),
        ("panel.aux_1 is open", "{any of: [busmeter.voltage_l1 above 100 V, panel.aux_2 is closed]}"),
        ("panel.aux_1 is open", "{all of: [busmeter.voltage_l1 above 100 V, panel.aux_2 is closed]}"),
        ("busmeter.voltage_l1 below 20 V", "busmeter.voltage_l1 above 100 V"),
        ("busmeter.voltage_l1 below 100 V", "panel.aux_1 is closed"),
    ],
)
def test_no_readings_prove_a_contactor_open_and_closed_at_once(open_: str, closed: str, tmp_path: Path) -> None:
    site = house(tmp_path)
    make(
        Slip(
            SITE,
            "{open: panel.aux_1 is open, closed: panel.aux_1 is closed}",
            f"{{open: {open_}, closed: {closed}}}",
            (),
        ),
        site,
    )
    plan = load(site).plan
    grid, names = contactor(plan, "mains.coil_1"), ("mains.contact_1", "panel.aux_1", "panel.aux_2")
    answers = set()
    for volt, *levels in product(
        (0, 19_999, 20_000, 100_000, 100_001, 230_000, 260_001, 500_000, None), *[(0, 1, None)] * 3
    ):
        image = [MISSING] * len(plan.signals)
        for name, value in zip(("busmeter.voltage_l1", *names), (volt, *levels), strict=True):
            if value is not None:
                image[signal(plan, name)] = Reading(value, 0, Quality.GOOD)
        says = grid.shown_open.ask(tuple(image), 0, True), grid.shown_closed.ask(tuple(image), 0, True)
        assert says != (YES, YES), (volt, *levels)
        answers.add(says)
    assert {says[0] for says in answers} == {says[1] for says in answers} == {NO, UNKNOWN, YES}
