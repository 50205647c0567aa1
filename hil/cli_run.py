"""The verbs that run scenarios: `run`, `rehearse`, `bench check`.

Rules: exit code 0 when everything that was expected was seen, 1 when something was not (also after Ctrl-C), 2 for a
file or a word that is wrong. Nothing starts before every file has been read.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from hil.unix_socket import RigError

Verbs = Any  # argparse has no public name for what add_subparsers returns
RUN_EPILOG = """\
examples:
  powerwarden-rig run                                all that come with the rig, on the virtual bench
  powerwarden-rig run uc001 --jobs 2                 a folder of them, two at a time
  powerwarden-rig run lease_ends --bench loopback    one, with real processes and transports
  powerwarden-rig run my_house/evening.yaml          one of your own
  powerwarden-rig run --filter H05                   those that show a hazard
  powerwarden-rig run welded_contact --seed 7        the same with other chances
  powerwarden-rig run faults:uc001 --jobs 2          each fault of each device of a house, generated
  powerwarden-rig run "faults:uc001:*silent*"        some of those; pairs:uc001 breaks two devices at once

It writes OUT/index.html with a page for each run, OUT/junit.xml and OUT/results.json, and ends with 0 when everything
that was expected was seen, 1 when something was not, 2 when a file is wrong. The page of a run shows every limit with
the value that was measured, and ends with the command that repeats it.
"""


def add(verbs: Verbs) -> None:
    """All verbs of this file."""
    _add_run(verbs)
    rehearse = verbs.add_parser(
        "rehearse",
        help="what would happen in your house: the standard scenarios with your own site and policies",
        description="Runs the standard scenarios with your own site and policies, in one process and virtual time, and "
        "says in plain words what would have happened. No device is touched.",
    )
    rehearse.set_defaults(verb=_rehearse)
    rehearse.add_argument("site", metavar="SITE", type=Path, help="the folder of your site.yaml")
    rehearse.add_argument("--out", type=Path, default=Path("build/rehearsal"), help="pages (default build/rehearsal)")
    bench = verbs.add_parser("bench", help="the wired bench: what rig.yaml would drive")
    words = bench.add_subparsers(required=True, metavar="WHAT")
    check = words.add_parser("check", help="read a rig.yaml and say what it would drive; nothing is driven")
    check.set_defaults(verb=_bench_check)
    check.add_argument("file", metavar="FILE", help="such as rig.yaml")


def _add_run(verbs: Verbs) -> None:
    run = verbs.add_parser(
        "run",
        help="run scenarios on a bench, judge them, and write pages about it",
        description="Runs scenarios on a bench, judges them from the wire, and writes pages about it.",
        epilog=RUN_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    run.set_defaults(verb=_run)
    run.add_argument("names", metavar="NAME|FILE|FOLDER", nargs="*", help="see `list`; default: all that come along")
    run.add_argument(
        "--bench",
        choices=("virtual", "loopback", "bench"),
        default="virtual",
        help="virtual: one process, virtual time (default); loopback: real processes; bench: real wires",
    )
    run.add_argument("--seed", type=_whole, help="instead of the scenario's own")
    run.add_argument("--out", type=Path, default=Path("build/rig"), help="folder of results (default build/rig)")
    run.add_argument("--jobs", type=_jobs, default=1, metavar="N", help="so many at once; on the virtual bench only")
    run.add_argument("--filter", default="", metavar="HAZARD", help="only those that show it, such as H05")
    run.add_argument("--rig", type=Path, metavar="FILE", help="the wired bench's file, such as rig.yaml")


def _whole(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number")
    return int(text)


def _jobs(text: str) -> int:
    if not 1 <= _whole(text) <= 64:
        raise argparse.ArgumentTypeError("1 to 64")
    return int(text)


def _run(arguments: argparse.Namespace) -> int:
    from hil.report.words import summary
    from hil.rig_progress import run_with
    from hil.rig_run import Settings, run_all
    from hil.rig_select import for_bench, select

    if arguments.jobs > 1 and arguments.bench != "virtual":
        raise RigError(f"--jobs is for the virtual bench; the bench {arguments.bench} is one and runs one at a time")
    scenarios, others = for_bench(select(arguments.names, arguments.filter), arguments.bench)
    for scenario in others:
        _say(f"not for this bench (it names {', '.join(scenario.benches)}): {scenario.name}")
    if not scenarios:
        raise RigError(f"none of these scenarios is for the bench {arguments.bench}; choose another --bench")
    settings = Settings(arguments.bench, arguments.out, arguments.seed, arguments.rig)
    began_s = time.monotonic()
    asks = arguments.bench == "bench"  # that bench asks questions: bars would hide them
    with run_with(False if asks else None) as progress:
        outcomes = run_all(scenarios, settings, progress, arguments.jobs)
    for line in summary(outcomes, time.monotonic() - began_s):
        _say(line)
    if len(outcomes) < len(scenarios):
        _say(f"{len(scenarios) - len(outcomes)} of {len(scenarios)} did not come to run")
    _say(f"pages: {settings.out / 'index.html'}")
    return 0 if len(outcomes) == len(scenarios) and all(outcome.passed for outcome in outcomes) else 1


def _rehearse(arguments: argparse.Namespace) -> int:
    rehearse: Callable[[Path, Path], int] = _function("hil.rehearse", "rehearse")
    return rehearse(arguments.site, arguments.out)


def _bench_check(arguments: argparse.Namespace) -> int:
    describe: Callable[[Path], list[str]] = _function("hil.bench.wired", "describe")
    for line in describe(Path(arguments.file)):
        _say(line)
    return 0


def _function(module: str, name: str) -> Any:
    """Imported by the verb that needs it; whoever asks for help should not wait for a whole product."""
    try:
        return getattr(import_module(module), name)
    except (ModuleNotFoundError, AttributeError) as error:
        raise RigError(f"this rig comes without {module}.{name} ({error})") from None


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
