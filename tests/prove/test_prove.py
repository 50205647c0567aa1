"""The proof itself is tested: a machine with a planted fault does not pass, and the committed pages are the code's."""

from __future__ import annotations

import pytest
from prove import RESTS, explore, faults, page

from supervisor.kernel.machine import Row, Table
from supervisor.loader.compiler import compile_machine

GO, BACK = Row(0, 1, 0, 1), Row(1, 0, 1, 0)
SOUND = Table("Toy", ("rest", "work"), ("go", "back"), ("wanted",), 0, ((GO,), (BACK,)))


def wrong(table: Table) -> list[str]:
    return faults(table, explore(table), {"rest"})


def test_a_sound_machine_has_no_faults() -> None:
    assert wrong(SOUND) == []


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (((GO,), ()), "work has no way out"),
        (((), (BACK,)), "work cannot be reached"),
        (((GO,), (Row(1, 0, 1, 1),)), "no rest can be reached from work"),
        (((GO,), (BACK, Row(0, 1, 1, 0))), "go in work can never happen"),
    ],
)
def test_a_planted_fault_is_found(rows: tuple[tuple[Row, ...], ...], words: str) -> None:
    table = Table("Toy", SOUND.states, SOUND.events, SOUND.facts, 0, rows)
    assert any(words in line for line in wrong(table))


@pytest.mark.parametrize("declaration", list(RESTS), ids=lambda declaration: declaration.__name__)
def test_each_machine_is_sound_and_its_page_is_what_the_code_says(declaration: type) -> None:
    table = compile_machine(declaration)
    assert faults(table, explore(table), RESTS[declaration]) == []
    assert page(declaration, table, write=False) == []
