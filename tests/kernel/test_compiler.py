"""The compiler of machine classes: what it takes for a guard, and what it refuses to guess."""

from __future__ import annotations

import pytest
from statemachine import State, StateMachine

from supervisor.loader.compiler import MachineError, compile_machine, guard


class Either(StateMachine):
    off = State(initial=True)
    on = State()
    start = off.to(on, cond="ready or asked")
    end = on.to(off, cond="not ready")


class Namesake(StateMachine):
    off = State(initial=True)
    on = State()
    start = off.to(on, cond="on")
    end = on.to(off, cond="not ready")


class Unless(StateMachine):
    off = State(initial=True)
    on = State()
    start = off.to(on, unless="broken")
    end = on.to(off, cond=["broken", "not asked"])


def test_a_guard_that_is_an_alternative_does_not_compile() -> None:
    with pytest.raises(MachineError, match="not a conjunction of facts"):
        compile_machine(Either)


def test_a_name_for_both_a_fact_and_a_state_does_not_compile() -> None:
    with pytest.raises(MachineError, match=r"\['on'\] name both"):
        compile_machine(Namesake)


@pytest.mark.parametrize("text", ["a >", "a or b", "not (a and b)", "a > 1", "not not a", "1"])
def test_what_is_no_conjunction_of_facts_is_refused(text: str) -> None:
    with pytest.raises(MachineError):
        guard(text, "toy")


def test_unless_and_lists_of_guards_compile_to_vetoes_and_needs() -> None:
    table = compile_machine(Unless)
    (start,), (end,) = table.rows
    assert (start.need, start.veto) == (0, table.bit("broken"))
    assert (end.need, end.veto) == (table.bit("broken"), table.bit("asked"))
