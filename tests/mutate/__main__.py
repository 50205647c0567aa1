"""``make mutate``: small mistakes planted in supervisor/kernel, one at a time; a test has to notice each of them.

    python -m tests.mutate --sample 100                          a first look: 100 of them, drawn by --seed
    python -m tests.mutate --module supervisor/kernel/trip.py    all of one module, or of a folder
    python -m tests.mutate --only trip:0a1b2c:boundary:1         one of them again, with what it changes
    python -m tests.mutate --list --module ...                   what would be planted; nothing is run
    python -m tests.mutate --map tests/kernel/test_new.py        which test runs which line: after a test was added

Each mutant has a process of its own, and meets the tests that run its line, quickest first. The working tree is never
written to. A survivor is a missing test or changes nothing that anybody could see: then its id and the reason go into
tests/mutate/survivors.txt. The result is in build/mutate/result.json, and results.jsonl grows while it runs: --resume
goes on after an interruption (only while neither the kernel nor the tests have changed).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.syntax import Syntax
from rich.table import Table

from tests.mutate import line_map
from tests.mutate.choice import Choice
from tests.mutate.edits import ROOT, Mutant
from tests.mutate.mutate import Done, canaries, chosen, discover, findings, reasons, run, save, survivors
from tests.mutate.runner import Outcome

FOLDER = ROOT / "build" / "mutate"
GROWING = FOLDER / "results.jsonl"
CONSOLE = Console(soft_wrap=True, width=None if sys.stdout.isatty() else 120)


def main() -> int:
    """Returns 1 when the harness, the run or one of the two limits is not as it must be."""
    asked = _asked()
    if asked.map is not None or not line_map.FILE.exists():
        CONSOLE.print("measuring which test runs which line; for all suites this takes many minutes, and is done once")
        command = [sys.executable, "-m", "tests.mutate.line_map", *(asked.map or ())]
        subprocess.run(command, cwd=ROOT, check=False)
        if asked.map is not None:
            return 0
    everything = discover()
    mutants = chosen(everything, asked.module, asked.only, asked.sample, asked.seed)
    if asked.list or asked.only:
        for mutant in mutants:
            CONSOLE.print(Syntax(mutant.diff(), "diff", background_color="default"))
        if asked.list:
            return 0
    CONSOLE.print(f"{len(mutants)} of {len(everything)} mutants{'' if asked.no_canary else '; first the canaries'}")
    choice = Choice(line_map.FILE, asked.seconds)
    if files := choice.missing():
        CONSOLE.print(
            f"not in the line map, so not run: python -m tests.mutate --map {' '.join(files)}", style="yellow"
        )
    if broken := [] if asked.no_canary else canaries(choice, mutants):
        CONSOLE.print("\n".join(broken), style="red", markup=False)
        return 1
    done = _run(mutants, choice, asked)
    wrong = findings(mutants, done)
    save(done, wrong, FOLDER / "result.json")
    _show(mutants, done)
    for line in wrong:
        CONSOLE.print(f"wrong: {line}", style="red", markup=False)
    return 1 if wrong else 0


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--module", action="append", default=[], help="a file or folder; may be given more than once")
    parser.add_argument("--only", action="append", default=[], metavar="ID", help="this mutant; may be repeated")
    parser.add_argument("--sample", type=int, default=0, metavar="N", help="so many, drawn evenly over all that remain")
    parser.add_argument("--seed", type=int, default=1, help="of the sample (1)")
    parser.add_argument("--jobs", type=int, default=1, help="mutants side by side (1)")
    parser.add_argument("--seconds", type=float, default=30, help="of tests near it, and of others, at most (30)")
    parser.add_argument("--list", action="store_true", help="show what would be planted")
    parser.add_argument("--map", nargs="*", metavar="FILE", help="make the line map anew, or only for these test files")
    parser.add_argument("--resume", action="store_true", help="keep the results of a run that was interrupted")
    parser.add_argument("--no-canary", action="store_true", help="for a person who has just seen the canaries")
    return parser.parse_args()


def _run(mutants: Sequence[Mutant], choice: Choice, asked: argparse.Namespace) -> list[Done]:
    FOLDER.mkdir(parents=True, exist_ok=True)
    names = {mutant.id for mutant in mutants}
    before = [one for one in _resumed(GROWING) if one.id in names] if asked.resume else []
    todo = [mutant for mutant in mutants if mutant.id not in {one.id for one in before}]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        GROWING.open("a" if asked.resume else "w", encoding="utf-8") as out,
        Progress(*columns, console=CONSOLE) as bar,
    ):
        task = bar.add_task("mutants", total=len(todo))

        def said(done: Done) -> None:
            out.write(json.dumps(asdict(done)) + "\n")
            out.flush()
            bar.update(task, advance=1, description=f"{done.outcome:>10} {done.id}")

        return before + run(todo, choice, asked.jobs, said)


def _resumed(file: Path) -> list[Done]:
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []
    return [
        Done(**{**row, "outcome": Outcome(row["outcome"]), "tables": row["tables"] and Outcome(row["tables"])})
        for row in rows
    ]


def _show(mutants: Sequence[Mutant], done: Sequence[Done]) -> None:
    for title in ("place", "kind"):
        shown = Table(title.replace("place", "module"), "discovered", "executed", *Outcome, box=None)
        found = Counter(str(getattr(mutant, title)) for mutant in mutants)
        for name in [*sorted(found), ""]:
            of_name = [one for one in done if name in ("", getattr(one, title))]
            outcomes = Counter(one.outcome for one in of_name)
            total = found[name] if name else len(mutants)
            cells = (total, len(of_name), *(outcomes[outcome] for outcome in Outcome))
            shown.add_row(name.removeprefix("supervisor/kernel/") or "all", *map(str, cells))
        CONSOLE.print(shown)
    matter = [one for one in done if one.reachable]
    by_tests = sum(one.outcome is Outcome.KILLED for one in matter)
    killed = sum(Outcome.KILLED in (one.outcome, one.tables) for one in matter)
    CONSOLE.print(f"change a reachable transition: {len(matter)}, killed {killed}, without committed tables {by_tests}")
    known = reasons()
    plain, explained = survivors(done, known)
    CONSOLE.print(
        f"survivors that change nothing or have a reason in survivors.txt: {len(explained)}; others: {len(plain)}"
    )
    for one in plain:
        CONSOLE.print(f"  {one.place}:{one.line}  python -m tests.mutate --no-canary --only {one.id}")
    for name in sorted({one.id for one in done if one.outcome is Outcome.KILLED} & set(known)):
        CONSOLE.print(f"  {name} is killed; its line in survivors.txt can go")
    for name in sorted(set(known) - {mutant.id for mutant in discover()}):
        CONSOLE.print(f"  {name} is no mutant any more, because its line was edited; judge it again")


if __name__ == "__main__":
    sys.exit(main())
