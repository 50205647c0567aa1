"""All mutants of the kernel, or some of them: what is planted, what is run, and what it says about the tests.

Rules
* The canaries go first. One changes nothing and meets every test that this run uses: if it does not survive, those
  tests fail without any mutant, and every figure would be wrong. One stops all machines, and must be killed.
* Executed must equal discovered, one result for each.
* A mutant of a declaration that changes a reachable transition must be killed; the share of these that is killed
  without the tests that compare a committed table is a figure of its own. One that changes none is left to survive.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from tests.mutate.choice import Choice, Groups, table_tests
from tests.mutate.declared import changes, declared_edits
from tests.mutate.edits import KERNEL, ROOT, Edit, Mutant, edits, named
from tests.mutate.runner import Outcome, Planted, execute

SHARE = 0.95  # of the reachable ones, killed without the committed tables
REASONS = Path(__file__).with_name("survivors.txt")
NOTHING, STANDSTILL = "canary:nothing", "canary:standstill"
STOPS_MACHINES = (
    "\n\ndef advance(table, machine, facts, now_ms):\n    return machine, None\n\n\nadvance_asking = advance\n"
)
Said = Callable[["Done"], None]


@dataclass(frozen=True)
class Done:
    """A mutant with its result. ``reachable``: it changes a reachable transition of a machine; None if it is of no
    declaration, or does not load. ``tables``: what the committed table's test says about one that outlived the rest."""

    id: str
    place: str
    line: int
    kind: str
    outcome: Outcome
    by: str
    seconds: float
    reachable: bool | None
    tables: Outcome | None = None


def discover(root: Path = ROOT, folder: Path = KERNEL) -> list[Mutant]:
    """Every mutant, in the order of the files and their lines."""
    found = []
    for path in sorted(folder.rglob("*.py")):
        source, place = path.read_text(encoding="utf-8"), path.relative_to(root).as_posix()
        of_machine = "/machines/" in place
        found += named(source, place, declared_edits(source) if of_machine else edits(source))
    return found


def chosen(
    mutants: Iterable[Mutant], modules: Sequence[str], only: Sequence[str], sample: int, seed: int
) -> list[Mutant]:
    """Those asked for. A sample is the same for the same seed and the same tree."""
    some = [m for m in mutants if not modules or any(m.place.startswith(place.rstrip("/")) for place in modules)]
    some = [m for m in some if not only or m.id in only]
    if unknown := set(only) - {m.id for m in some}:
        raise SystemExit(f"no such mutant: {', '.join(sorted(unknown))}; its line may have changed since")
    if not sample or sample >= len(some):
        return some
    return sorted(random.Random(seed).sample(some, sample), key=lambda mutant: (mutant.place, mutant.line, mutant.id))


def canaries(choice: Choice, mutants: Sequence[Mutant]) -> list[str]:
    """What is wrong with the harness; nothing when it can be trusted."""
    wrong = []
    path = KERNEL / "machine.py"
    text, place = path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix()
    groups = _union(choice.tests(mutant) for mutant in mutants)
    quiet = _plant(place, text + "\n# Nothing is changed.\n", groups, choice)
    if (result := execute(quiet)).outcome is not Outcome.SURVIVED:
        wrong.append(f"{NOTHING} was {result.outcome}: these tests fail without a mutant: {result.by}")
    stopped = Mutant(STANDSTILL, place, 0, "canary", text, Edit(0, 0, "", 0, "canary"))
    still = _plant(place, text + STOPS_MACHINES, choice.tests(stopped), choice)
    if (result := execute(still)).outcome is not Outcome.KILLED:
        wrong.append(f"{STANDSTILL} was {result.outcome}, and not killed: {result.by}")
    return wrong


def _union(of_each: Iterable[Groups]) -> Groups:
    by_file: dict[str, dict[str, None]] = {}
    for groups in of_each:
        for group in groups:
            by_file.setdefault(group[0].split("::")[0], {}).update(dict.fromkeys(group))
    return [list(names) for names in by_file.values()]


def run_one(mutant: Mutant, choice: Choice) -> Done:
    """One mutant, and once more with its committed table when nothing else has killed it although it should be."""
    reachable = changes(mutant.original, mutant.source) if "/machines/" in mutant.place else None
    result = execute(_plant(mutant.place, mutant.source, choice.tests(mutant), choice))
    done = Done(mutant.id, mutant.place, mutant.line, mutant.kind, result.outcome, result.by, result.seconds, reachable)
    if reachable and result.outcome is not Outcome.KILLED:
        last = execute(_plant(mutant.place, mutant.source, table_tests(mutant), choice))
        done = replace(done, tables=last.outcome)
    return done


def _plant(place: str, text: str, groups: Groups, choice: Choice) -> Planted:
    return Planted(place.removesuffix(".py").replace("/", "."), place, text, groups, choice.cost_s(groups))


def run(mutants: Sequence[Mutant], choice: Choice, jobs: int, said: Said) -> list[Done]:
    """All of them, ``jobs`` side by side; each is told when it is done."""

    def one(mutant: Mutant) -> Done:
        done = run_one(mutant, choice)
        said(done)
        return done

    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(one, mutants))


# ---- what it says ------------------------------------------------------------------------------------------------
def findings(discovered: Sequence[Mutant], done: Sequence[Done]) -> list[str]:
    """What is wrong with the run, or with the tests by the two limits; nothing when all is well."""
    wrong = []
    ids, ran = sorted(mutant.id for mutant in discovered), sorted(one.id for one in done)
    if ids != ran:
        lost, extra = set(ids) - set(ran), set(ran) - set(ids)
        wrong.append(
            f"executed is not discovered: {len(ran)} of {len(ids)}; lost {sorted(lost)}, extra {sorted(extra)}"
        )
    matter = [one for one in done if one.reachable]
    left = [one.id for one in matter if Outcome.KILLED not in (one.outcome, one.tables)]
    if left:
        wrong.append(f"{len(left)} mutants change a reachable transition and are not killed: {', '.join(left)}")
    without = sum(one.outcome is Outcome.KILLED for one in matter)
    if without < SHARE * len(matter):
        wrong.append(f"only {without} of {len(matter)} are killed without the committed tables; {SHARE:.0%} must be")
    return wrong


def reasons(file: Path = REASONS) -> dict[str, str]:
    """Why a survivor is no missing test, by its id. A line without a reason is an error."""
    found = {}
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines() if file.exists() else (), 1):
        if line.strip() and not line.startswith("#"):
            name, _, reason = line.partition("  ")
            if not reason.strip():
                raise SystemExit(f"{file.name}:{number}: {name} has no reason; write why nothing can tell it apart")
            found[name] = reason.strip()
    return found


def survivors(done: Iterable[Done], known: dict[str, str]) -> tuple[list[Done], list[Done]]:
    """Those that nobody has explained, and the explained: equal machines, and those with a committed reason."""
    left = [one for one in done if one.outcome is Outcome.SURVIVED]
    plain = [one for one in left if one.reachable is not False and one.id not in known]
    return plain, [one for one in left if one not in plain]


def save(done: Sequence[Done], wrong: Sequence[str], file: Path) -> None:
    """The result as JSON, for whoever compares two runs."""
    file.parent.mkdir(parents=True, exist_ok=True)
    body = {"wrong": list(wrong), "mutants": [asdict(one) for one in done]}
    file.write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
