"""When a contactor of the wanted position cannot close, the making ends at once and not only when its time is over."""

from __future__ import annotations

import pytest

from supervisor.kernel.changeover_facts import OfChangeover
from supervisor.kernel.machine import Machine
from supervisor.kernel.state import Switch, TargetState
from supervisor.loader.assemble import CHANGEOVER, CONTACTOR
from tests.prove.shapes import Shape, plan_of

NOW_MS = 100_000
PLAN = plan_of(Shape("row", {"near": (0,), "far": (0, 1, 2)}), CONTACTOR, CHANGEOVER)
FAR = 2


def failed(*contactors: str) -> bool:
    """Has the way to ``far`` failed with its contactors in these states, in the order in which they close?"""
    targets = [_target(state) for state in contactors]
    switch = Switch(Machine(CHANGEOVER.state("making"), NOW_MS), 1, FAR, None, (), (), NOW_MS, "")
    return OfChangeover(PLAN, PLAN.changeovers[0], switch, targets, FAR, "", (), NOW_MS).failed()


def _target(state: str) -> TargetState:
    return TargetState(0, None, Machine(CONTACTOR.state(state), 0), None, 0, 0, 0, "", False)


@pytest.mark.parametrize(
    "contactors",
    [
        ("open", "open", "open"), ("closing", "open", "open"), ("precharging", "open", "open"),
        ("closed", "open", "open"), ("closed", "closing", "open"), ("closed", "closed", "closing"),
        ("closed", "closed", "closed"),
    ],
)  # fmt: skip
def test_contactors_that_close_one_after_the_other_have_not_failed(contactors: tuple[str, ...]) -> None:
    assert not failed(*contactors)


@pytest.mark.parametrize("state", ["failed_open", "locked_out", "welded", "doubted", "unverified"])
@pytest.mark.parametrize("place", range(3))
def test_one_that_cannot_close_or_does_not_show_itself_has_failed_wherever_it_stands(state: str, place: int) -> None:
    contactors = ["closed"] * place + [state] + ["open"] * (2 - place)
    assert failed(*contactors)


@pytest.mark.parametrize(
    "contactors", [("open", "closed", "open"), ("closed", "open", "closed"), ("open", "open", "closing")]
)
def test_one_that_closes_before_its_turn_has_failed(contactors: tuple[str, ...]) -> None:
    assert failed(*contactors)
