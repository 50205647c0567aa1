"""The mutation run itself is tested: what it plants, which column each end belongs to, and that it cannot flatter."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from supervisor.kernel.machines.meter import Meter
from tests.mutate import mutate, runner
from tests.mutate.choice import TABLE_TESTS, Choice
from tests.mutate.declared import changes, declared_edits
from tests.mutate.edits import KERNEL, ROOT, Mutant, edits, named
from tests.mutate.mutate import Done, canaries, chosen, discover, findings, reasons, survivors
from tests.mutate.runner import Outcome, Planted, Result, execute, judge

METER = "supervisor/kernel/machines/meter.py"
MODES = "tests/kernel/test_machine_modes.py"
RULE = f"{MODES}::test_in_every_state_every_word_of_facts_leads_where_the_rule_says[meter]"
PLAIN = '''"""Text for people: 1 < 2."""
LIMIT_MS: int | None = 5


def over(value: int, limit: int = 0) -> bool:
    """Is it more than 3?"""
    if value < limit and not limit:
        raise ValueError(f"{value} is {1 + 1}")
    return max(value, limit) - 1 >= limit


def pairs(some: list[int]) -> object:
    return zip(some, some, strict=True)
'''
MACHINE = """from statemachine import State, StateMachine


class Toy(StateMachine):
    off = State(initial=True)
    on = State()
    broken = State()

    fail = broken.from_(off, on, cond="smoke")
    start = off.to(on, cond="asked and not smoke") | broken.to(off, cond="not smoke")
    stop = on.to(off, cond="not asked")
"""


def planted(source: str) -> set[tuple[str, str]]:
    """(kind, the changed line) of every mutant of a plain module."""
    found = set()
    for mutant in named(source, "supervisor/kernel/toy.py", edits(source)):
        pairs = zip(source.splitlines(), mutant.source.splitlines(), strict=True)
        found.add((mutant.kind, " ".join(after.strip() for before, after in pairs if before != after)))
    return found


# ---- what is planted ---------------------------------------------------------------------------------------------
def test_each_kind_of_mistake_is_planted_and_text_for_people_and_types_are_left_alone() -> None:
    assert planted(PLAIN) == {
        ("constant", "LIMIT_MS: int | None = 6"),
        ("constant", "LIMIT_MS: int | None = 4"),
        ("constant", "def over(value: int, limit: int = 1) -> bool:"),
        ("constant", "def over(value: int, limit: int = (-1)) -> bool:"),
        ("junction", "if (value < limit or not limit):"),
        ("condition", "if (not (value < limit and (not limit))):"),
        ("boundary", "if (value <= limit) and not limit:"),
        ("not", "if value < limit and (limit):"),
        ("result", "return True"),
        ("result", "return False"),
        ("boundary", "return (max(value, limit) - 1 > limit)"),
        ("arithmetic", "return (max(value, limit) + 1) >= limit"),
        ("extreme", "return min(value, limit) - 1 >= limit"),
        ("constant", "return max(value, limit) - 2 >= limit"),
        ("constant", "return max(value, limit) - 0 >= limit"),
        ("result", "return None"),
    }


def test_an_id_lasts_as_long_as_its_own_line_and_no_longer() -> None:
    def ids(source: str) -> list[str]:
        return [mutant.id for mutant in named(source, "supervisor/kernel/toy.py", edits(source))]

    assert len(set(ids(PLAIN))) == len(ids(PLAIN))
    assert set(ids(PLAIN)) <= set(ids("OTHER = 7\n" + PLAIN))
    assert not {one for one in ids(PLAIN) if ":constant:" in one} & set(ids("LIMIT_MS: int | None = 55\n"))


def test_rows_guards_targets_and_precedence_of_a_declaration_are_planted() -> None:
    mutants = named(MACHINE, "supervisor/kernel/machines/toy.py", declared_edits(MACHINE))
    lines = {(m.kind, line.strip()) for m in mutants for line in m.source.splitlines() if line not in MACHINE}
    assert ("row", "fail = broken.from_(on, cond='smoke')") in lines
    assert ("row", "pass") in lines
    assert ("target", 'stop = on.to(broken, cond="not asked")') in lines
    assert ("forgotten", 'start = off.to(on, cond="asked") | broken.to(off, cond="not smoke")') in lines
    assert ("negated", 'fail = broken.from_(off, on, cond="not smoke")') in lines
    assert ("initial", "on = State(initial=True)") in lines
    order = [m.source.index("fail =") > m.source.index("start =") for m in mutants if m.kind == "precedence"]
    assert order == [True]  # fail and start both leave off; start and stop leave different states


@pytest.mark.parametrize(
    ("text", "other", "changed"),
    [
        ('cond="not asked"', 'cond="asked"', True),
        ('cond="asked and not smoke"', 'cond="asked"', False),  # smoke was taken by the row before
        ('cond="smoke"', "cond=[]", True),
        ('cond="smoke"', 'cond="smoke or fire"', None),
        ("stop = on.to(off", "stop = on.to(nowhere", None),
    ],
)
def test_only_what_changes_a_reachable_transition_is_called_so(text: str, other: str, changed: bool | None) -> None:
    assert changes(MACHINE, MACHINE.replace(text, other)) is changed


def test_every_module_of_the_kernel_is_discovered_and_every_mutant_differs() -> None:
    found = EVERYTHING
    modules = {path.relative_to(ROOT).as_posix() for path in KERNEL.rglob("*.py") if "<" in path.read_text()}
    assert modules <= {mutant.place for mutant in found}
    assert len({mutant.id for mutant in found}) == len(found)
    for mutant in found[::40]:
        compile(mutant.source, mutant.id, "exec")
        assert mutant.source != mutant.original


# ---- one process per mutant, one column per end ------------------------------------------------------------------
def run(text: str, names: tuple[str, ...] = (RULE,)) -> Result:
    before = (ROOT / METER).read_bytes()
    result = execute(Planted(Meter.__module__, METER, text, [list(names)], 1))
    assert (ROOT / METER).read_bytes() == before
    return result


def test_what_changes_nothing_survives() -> None:
    assert run((ROOT / METER).read_text() + "\n# Nothing.\n").outcome is Outcome.SURVIVED


def test_a_machine_that_forgets_a_guard_is_killed_and_the_test_is_named() -> None:
    result = run((ROOT / METER).read_text().replace('cond="not seen"', "cond=[]"))
    assert (result.outcome, result.by) == (Outcome.KILLED, RULE)


def test_a_process_that_is_killed_by_a_signal_is_a_crash_and_not_a_kill() -> None:
    result = run("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    assert (result.outcome, result.by) == (Outcome.CRASHED, "exit code -9")


def test_a_mutant_that_never_ends_is_in_the_column_of_time_outs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "START_S", 1)
    monkeypatch.setattr(runner, "TIMES", 1)
    assert run("while True:\n    pass\n").outcome is Outcome.TIMED_OUT


KILL = {"loads": "", "code": 1, "failed": "a::b", "missing": 0}


@pytest.mark.parametrize(
    ("code", "said", "outcome"),
    [
        (0, KILL, Outcome.KILLED),
        (0, {**KILL, "code": 0, "failed": ""}, Outcome.SURVIVED),
        (None, None, Outcome.TIMED_OUT),
        (0, {**KILL, "loads": "SyntaxError: no"}, Outcome.UNLOADABLE),
        (-11, KILL, Outcome.CRASHED),  # a report that was written before the end is no excuse for it
        (0, None, Outcome.CRASHED),
        (0, {**KILL, "code": 3}, Outcome.CRASHED),  # inside pytest
        (0, {**KILL, "code": 5, "failed": ""}, Outcome.CRASHED),  # no test was there
        (0, {**KILL, "failed": ""}, Outcome.CRASHED),
        (0, {**KILL, "code": 0, "failed": "", "missing": 1}, Outcome.CRASHED),
    ],
)
def test_each_end_has_its_own_column(code: int | None, said: dict[str, object] | None, outcome: Outcome) -> None:
    assert judge(code, said, 1)[0] is outcome


def test_a_mutant_that_met_no_test_has_not_survived_one() -> None:
    assert judge(0, {**KILL, "code": 0, "failed": ""}, 0)[0] is Outcome.CRASHED


# ---- the whole run ------------------------------------------------------------------------------------------------
EVERYTHING = discover()


def mutants(count: int) -> list[Mutant]:
    return chosen(EVERYTHING, [METER], [], 0, 0)[:count]


def done(mutant: Mutant, outcome: Outcome, reachable: bool | None = None, tables: Outcome | None = None) -> Done:
    return Done(mutant.id, mutant.place, mutant.line, mutant.kind, outcome, "", 0, reachable, tables)


def test_executed_must_equal_discovered() -> None:
    one, other, third = mutants(3)
    ran = [done(one, Outcome.KILLED), done(other, Outcome.KILLED)]
    assert findings([one, other], ran) == []
    (lost,) = findings([one, other, third], ran)
    assert third.id in lost
    assert findings([one], [ran[0], ran[0]]) != []


def test_a_reachable_change_that_nothing_kills_fails_the_run() -> None:
    (one,) = mutants(1)
    for outcome in (Outcome.SURVIVED, Outcome.TIMED_OUT, Outcome.CRASHED):
        assert any(one.id in line for line in findings([one], [done(one, outcome, reachable=True)]))
    assert findings([one], [done(one, Outcome.SURVIVED, reachable=False)]) == []
    assert findings([one], [done(one, Outcome.SURVIVED)]) == []


def test_nineteen_of_twenty_must_be_killed_without_the_committed_tables() -> None:
    (one,) = mutants(1)
    by_table = replace(done(one, Outcome.SURVIVED, reachable=True, tables=Outcome.KILLED), id="by table")
    killed = [replace(done(one, Outcome.KILLED, reachable=True), id=f"{i}") for i in range(19)]

    def wrong(ran: list[Done]) -> list[str]:
        return findings([replace(one, id=each.id) for each in ran], ran)

    assert wrong([*killed, by_table]) == []
    assert "18 of 19" in wrong([*killed[:18], by_table])[0]


@pytest.mark.parametrize("wrong", [Outcome.KILLED, Outcome.SURVIVED])
def test_a_canary_that_ends_as_it_must_not_stops_the_run(
    wrong: Outcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mutate, "execute", lambda planted: Result(wrong, "some test", 0))
    (said,) = canaries(choice(tmp_path), mutants(1))
    assert said.startswith(mutate.NOTHING if wrong is Outcome.KILLED else mutate.STANDSTILL)


def test_a_survivor_without_a_reason_is_listed_and_a_line_without_one_is_refused(tmp_path: Path) -> None:
    one, other = mutants(2)
    file = tmp_path / "survivors.txt"
    file.write_text(f"# why\n{one.id}  both rows lead to the same state\n", encoding="utf-8")
    plain, explained = survivors([done(one, Outcome.SURVIVED), done(other, Outcome.SURVIVED)], reasons(file))
    assert ([each.id for each in plain], [each.id for each in explained]) == ([other.id], [one.id])
    file.write_text(f"{one.id}\n", encoding="utf-8")
    with pytest.raises(SystemExit, match="has no reason"):
        reasons(file)


def test_the_same_seed_draws_the_same_sample() -> None:
    assert chosen(EVERYTHING, [], [], 20, 3) == chosen(EVERYTHING, [], [], 20, 3) != chosen(EVERYTHING, [], [], 20, 4)


# ---- which tests --------------------------------------------------------------------------------------------------
def choice(folder: Path, budget_s: float = 10) -> Choice:
    file = folder / "map.json"
    tests = [["tests/kernel/test_slow.py::a", 8.0], ["tests/kernel/test_quick.py::b", 0.1],
             ["tests/kernel/test_meter.py::c", 3.0], [sorted(TABLE_TESTS)[0], 0.1]]  # fmt: skip
    lines = {"supervisor/kernel/machine.py": {"50": [0, 1, 2, 3]}, "supervisor/kernel/trip.py": {"7": [0, 1], "8": [0]}}
    file.write_text(json.dumps({"tests": tests, "lines": lines}), encoding="utf-8")
    return Choice(file, budget_s)


def test_the_nearest_and_the_quickest_tests_come_first_and_none_that_compares_a_committed_table(tmp_path: Path) -> None:
    (mutant,) = mutants(1)
    near, quick, slow = "tests/kernel/test_meter.py::c", "tests/kernel/test_quick.py::b", "tests/kernel/test_slow.py::a"
    assert choice(tmp_path, 20).tests(mutant) == [[near], [quick], [slow]]
    assert choice(tmp_path, 5).tests(mutant) == [[near], [quick]]
    assert choice(tmp_path, 0).tests(mutant) == [[near]]


def test_a_line_meets_the_tests_that_run_it_and_an_unknown_one_those_of_its_module(tmp_path: Path) -> None:
    (mutant,) = mutants(1)
    of_trip = replace(mutant, place="supervisor/kernel/trip.py")
    assert choice(tmp_path).tests(replace(of_trip, line=8)) == [["tests/kernel/test_slow.py::a"]]
    assert len(choice(tmp_path).tests(replace(of_trip, line=99))) == 2
