"""The proof itself is tested: what is planted is found, and the committed pages are the code's."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from supervisor.kernel import arbitration, changeover, interlock, sequence, wear
from supervisor.kernel.machine import Row, Table
from supervisor.kernel.state import Wear
from supervisor.loader.assemble import CHANGEOVER, CONTACTOR
from supervisor.loader.compiler import compile_machine
from tests.prove.model import Model
from tests.prove.product import Explorer
from tests.prove.prove import RESTS, explore, faults, house_pairs, page
from tests.prove.shapes import Shape

GO, BACK = Row(0, 1, 0, 1), Row(1, 0, 1, 0)
SOUND = Table("Toy", ("rest", "work"), ("go", "back"), ("wanted",), 0, ((GO,), (BACK,)))
TWO = Shape("two", {"a": (0,), "b": (1,)}, locks=False)
LOCKED = Shape("locked", {"a": (0,), "b": (1,)})
BUS = Shape("bus", {"a": (0,)}, onto=frozenset({"a"}), locks=False)
ROW = Shape("row", {"three": (0, 1)}, locks=False)
ONE = Shape("one", {"a": (0,)}, counts=True, locks=False)


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


def test_the_house_follows_every_machine() -> None:
    assert house_pairs()[1] == []


# ---- the product -------------------------------------------------------------------------------------------------
def blind(table: Table, event: str, fact: str) -> Table:
    """The machine with a fact left out of all rows of an event."""
    bit = table.bit(fact)
    assert any(row.event == table.events.index(event) and (row.need | row.veto) & bit for row in sum(table.rows, ()))
    rows = tuple(
        tuple(
            msgspec.structs.replace(row, need=row.need & ~bit, veto=row.veto & ~bit)
            if table.events[row.event] == event
            else row
            for row in rows
        )
        for rows in table.rows
    )
    return msgspec.structs.replace(table, rows=rows)


def lacking(table: Table, state: str, event: str) -> Table:
    """The machine without an event in one state."""
    rows = list(table.rows)
    at = table.state(state)
    rows[at] = tuple(row for row in rows[at] if table.events[row.event] != event)
    assert len(rows[at]) < len(table.rows[at])
    return msgspec.structs.replace(table, rows=tuple(rows))


def broken(shape: Shape, until: str, contactors: Table = CONTACTOR, change: Table = CHANGEOVER) -> dict[str, list[str]]:
    return Explorer(Model(shape, contactors, change)).explore(until).broken


@pytest.mark.parametrize("shape", [TWO, LOCKED, BUS, ROW, ONE], ids=lambda shape: shape.name)
def test_small_changeovers_keep_every_invariant(shape: Shape) -> None:
    assert broken(shape, "never") == {}


CONTACTORS: list[tuple[str, Shape, Callable[[], Table]]] = [
    ("I3", TWO, lambda: blind(CONTACTOR, "part", "may_open")),
    ("I6", TWO, lambda: blind(CONTACTOR, "part", "wanted")),
    ("I2", TWO, lambda: blind(CONTACTOR, "make", "admitted")),
    ("I2", TWO, lambda: blind(CONTACTOR, "find_closed", "alone")),
    ("I4", TWO, lambda: blind(CONTACTOR, "reset_latch", "reset")),
    ("I4", LOCKED, lambda: blind(CONTACTOR, "unlock", "reset")),
    ("I2", LOCKED, lambda: blind(CONTACTOR, "lock", "shown_open")),
    ("I4", ONE, lambda: lacking(CONTACTOR, "open", "relapse")),
    ("I5", ONE, lambda: blind(CONTACTOR, "relapse", "spent")),
    ("I5", TWO, lambda: lacking(CONTACTOR, "unverified", "find_open")),
]


@pytest.mark.parametrize(("invariant", "shape", "planted"), CONTACTORS)
def test_a_planted_fault_of_a_contactor_breaks(invariant: str, shape: Shape, planted: Callable[[], Table]) -> None:
    assert invariant in broken(shape, invariant, contactors=planted())


CHANGES: list[tuple[str, Shape, Callable[[], Table]]] = [
    ("I3", BUS, lambda: blind(CHANGEOVER, "close_up", "dead")),
    ("I3", BUS, lambda: blind(CHANGEOVER, "probe", "late")),
    ("I3", BUS, lambda: blind(CHANGEOVER, "apart", "all_open")),
    ("I4", TWO, lambda: blind(CHANGEOVER, "mend", "all_open")),
    ("I5", TWO, lambda: lacking(CHANGEOVER, "held", "back_out")),
    ("I5", TWO, lambda: lacking(CHANGEOVER, "stranded", "apart")),
]


@pytest.mark.parametrize(("invariant", "shape", "planted"), CHANGES)
def test_a_planted_fault_of_a_changeover_breaks(invariant: str, shape: Shape, planted: Callable[[], Table]) -> None:
    assert invariant in broken(shape, invariant, change=planted())


def remembered(plan: object, state: object) -> bool:
    return interlock._is(plan, state, interlock.SHOWN_OPEN)  # type: ignore[arg-type]


def forgets(worn: Wear, now_ms: int) -> Wear:
    in_a_row = worn.failures if now_ms - worn.failed_ms < wear.FORGET_MS else 0
    return msgspec.structs.replace(worn, failures=in_a_row + 1, failed_ms=now_ms)


def all_at_once(plan: object, about: object, goal: int, states: object) -> dict[int, bool]:
    return {member: member in about.places[goal].members for member in about.members}  # type: ignore[attr-defined]


def asleep(*given: object) -> object:
    spans, proven = ENVELOPES(*given)  # type: ignore[arg-type]
    return [msgspec.structs.replace(span, hi=1) for span in spans], proven


ENVELOPES, WORN = arbitration.envelopes, sequence._worn
KERNEL: list[tuple[str, Shape, object, str, Callable[..., object]]] = [
    ("I2", TWO, interlock, "bars", lambda *given: ""),
    ("I2", TWO, interlock, "alone", lambda *given: True),
    ("I2", TWO, interlock, "proven_open", remembered),
    ("I3", TWO, interlock, "_dead_until_ms", lambda *given: 0),
    ("I3", ROW, changeover, "_one_before_the_other", all_at_once),
    ("I6", TWO, changeover, "wants", lambda plan, *given: dict.fromkeys(plan.changeovers[0].members, False)),
    ("I6", TWO, arbitration, "envelopes", asleep),
    ("I4", ONE, wear, "fails", forgets),
    ("I7", ONE, wear, "fails", lambda worn, now_ms: worn),
    ("I7", ONE, sequence, "_worn", lambda *given: WORN(*given) if given[5] != "give_up" else given[2]),
]


@pytest.mark.parametrize(("invariant", "shape", "module", "name", "planted"), KERNEL)
def test_a_planted_fault_of_the_kernel_breaks(
    invariant: str, shape: Shape, module: object, name: str, planted: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, name, planted)
    assert invariant in broken(shape, invariant)


def test_a_broken_invariant_is_told_as_a_way_that_a_person_can_follow() -> None:
    (trace,) = broken(TWO, "I3", contactors=blind(CONTACTOR, "part", "may_open")).values()
    assert trace[0] == "1. [looking open>open; a looking, b looking]"
    assert trace[-1] == "=> I3 b is told to open although its current is not proven zero"
    assert all(" -> [" in line for line in trace[1:-1])
