"""Runs scenarios on a bench: lets time pass, does what happens, lets the judge see every moment, writes the results.

    OUT/index.html  NAME.BENCH.html  results.json  junit.xml

Rules
* Every moment is judged; only those that a picture needs are kept (hil/report/thin.py).
* A bench is closed whatever happened, also when it could not be opened or somebody pressed Ctrl-C; what there is then
  is judged as far as it goes, written, and counts as not held.
* With several jobs each scenario runs in a process that was spawned, not forked, and is read anew there, because its
  conditions are functions. The results are in the order of the names, and the same as with one job.
* What an earlier run left in OUT about other scenarios or benches stays in the index, and is marked there as earlier.
It must never judge by itself, nor show the judge anything that the product says of itself.
"""

from __future__ import annotations

import multiprocessing
import os
import shlex
import signal
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from types import FrameType

from hil.bench.contract import Bench
from hil.launch import die_with_parent
from hil.report.index import index_page
from hil.report.junit import junit
from hil.report.outcome import Outcome, outcome_of, read_outcomes, write_outcomes
from hil.report.page import run_page
from hil.report.story import story
from hil.report.thin import Thin
from hil.rig_progress import Progress
from hil.rig_select import read_again, spoken_name
from hil.scenario.judge import Judge
from hil.scenario.model import Finding, Run, Scenario
from hil.unix_socket import RigError

STOPPED = "stopped by hand"
OUT = Path("build/rig")


@dataclass(frozen=True)
class Settings:
    """How scenarios are run. ``seed``: instead of each scenario's own; ``rig``: the wired bench's file; ``tell``: the
    pages begin with the story for a householder; ``make``: the bench, a function that another process can import."""

    bench: str = "virtual"
    out: Path = OUT
    seed: int | None = None
    rig: Path | None = None
    tell: bool = False
    make: Callable[[Settings], Bench] | None = None

    def seed_of(self, scenario: Scenario) -> int:
        """The seed of its run."""
        return scenario.seed if self.seed is None else self.seed


# ---- one scenario ---------------------------------------------------------------------------------------------------
def bench_of(settings: Settings) -> Bench:
    """The bench of that name. Each is imported when it is asked for: one of them holds the whole product."""
    if settings.make is not None:
        return settings.make(settings)
    module, name = {
        "virtual": ("hil.bench.virtual", "VirtualBench"),
        "loopback": ("hil.bench.loopback", "LoopbackBench"),
        "bench": ("hil.bench.wired", "WiredBench"),
    }[settings.bench]
    try:
        made: Callable[..., Bench] = getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        raise RigError(f"the bench {settings.bench!r} cannot be loaded: {error}; is the rig installed whole?") from None
    if settings.bench != "bench":
        return made()
    if settings.rig is None:
        raise RigError("the wired bench needs its file: --rig rig.yaml (docs/rig-wiring.md)")
    return made(settings.rig)


def run_one(scenario: Scenario, bench: Bench, seed: int, heard: Callable[[int], None] = lambda _at_ms: None) -> Run:
    """One scenario on a bench that nobody has opened; ``heard`` is told how far it is. The bench is closed after it."""
    began_s = time.monotonic()
    course = _Course(scenario, bench, heard)
    trouble = course.caught(lambda: course.go(seed))
    left_open = course.caught(bench.close)
    if left_open.startswith(STOPPED):  # an impatient hand: what was being ended still has to end
        course.caught(bench.close)
    return Run(
        scenario,
        bench.name,
        seed,
        wall_s=time.monotonic() - began_s,
        moments=course.thin.moments(),
        decisions=list(bench.decisions),
        findings=course.findings(),
        trouble=trouble or left_open,
    )


class _Course:
    """One scenario while it happens."""

    def __init__(self, scenario: Scenario, bench: Bench, heard: Callable[[int], None]) -> None:
        self.judge, self.thin, self.seen_ms = Judge(scenario.expectations), Thin(scenario), 0
        self._scenario, self._bench, self._heard = scenario, bench, heard

    def go(self, seed: int) -> None:
        """From event to event to the end."""
        self._bench.open(self._scenario, seed)
        for event in sorted(self._scenario.events, key=lambda event: event.at_ms):
            self._until(event.at_ms)
            self._bench.do(event.action)
        self._until(self._scenario.length_ms)
        self.seen_ms = max(self.seen_ms, self._scenario.length_ms)

    def _until(self, to_ms: int) -> None:
        for moment in self._bench.advance(to_ms):
            self.judge.see(moment)
            self.thin.see(moment)
            self.seen_ms = moment.at_ms
            self._heard(moment.at_ms)

    def findings(self) -> list[Finding]:
        """As far as it went; of a run that nobody has seen anything of there are none."""
        return self.judge.end(self.seen_ms) if self.seen_ms else []

    def caught(self, does: Callable[[], None]) -> str:
        """Does it; "" or what went wrong, in words."""
        try:
            does()
        except RigError as error:
            return str(error) or "the bench gave up and did not say why"
        except KeyboardInterrupt:
            return f"{STOPPED} at {self.seen_ms / 1000:g} s"
        except Exception as error:  # noqa: BLE001 - a product that breaks in this very process is a result, too
            at = traceback.extract_tb(error.__traceback__)[-1]
            return f"{type(error).__name__}: {error} ({Path(at.filename).name}:{at.lineno}, at {self.seen_ms} ms)"
        return ""


# ---- all of them ----------------------------------------------------------------------------------------------------
def run_all(
    scenarios: Sequence[Scenario], settings: Settings, progress: Progress, jobs: int = 1, now: str = ""
) -> list[Outcome]:
    """Run them in the order of their names, write the files, and return what came of them. ``now``: local date and
    time, for the files. After Ctrl-C it returns what there is."""
    now = now or datetime.now(UTC).astimezone().replace(tzinfo=None).isoformat(timespec="seconds")
    _make_folder(settings.out)
    ordered = sorted(scenarios, key=lambda scenario: scenario.name)
    tasks = [_Task(scenario.name, scenario.path, settings, now) for scenario in ordered]
    earlier = read_outcomes(settings.out / "results.json")
    progress.begin(len(tasks), sum(scenario.length_ms for scenario in ordered))
    parallel = jobs > 1 and len(tasks) > 1
    made = _side_by_side(tasks, progress, jobs) if parallel else _in_turn(tasks, ordered, progress)
    outcomes = sorted(made, key=lambda outcome: outcome.name)
    missing = sorted({task.name for task in tasks} - {outcome.name for outcome in outcomes})
    _write(settings.out, outcomes, earlier, missing, now)
    progress.end()
    return outcomes


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RigError(f"{out}: cannot be the folder of results ({error.strerror}); choose another --out") from None


@dataclass(frozen=True)
class _Task:
    """A scenario for another process: where it stands, not what it says."""

    name: str
    path: Path
    settings: Settings
    now: str


def _in_turn(tasks: Iterable[_Task], scenarios: Iterable[Scenario], progress: Progress) -> list[Outcome]:
    outcomes: list[Outcome] = []
    try:
        for task, scenario in zip(tasks, scenarios, strict=True):
            progress.start(scenario.name, scenario.length_ms)
            outcomes.append(_run_and_write(scenario, task, progress.at))
            progress.done(outcomes[-1])
            if outcomes[-1].trouble.startswith(STOPPED):
                break
    except KeyboardInterrupt:
        pass  # between two runs, or while a page was drawn: that one did not come to run, the others are kept
    return outcomes


def _run_and_write(scenario: Scenario, task: _Task, heard: Callable[[int], None]) -> Outcome:
    settings = task.settings
    run = run_one(scenario, bench_of(settings), settings.seed_of(scenario), heard)
    run.repeat = repeat_of(scenario, settings)
    told = story(run)
    outcome = outcome_of(run, task.now, told)
    with _writing(settings.out):
        (settings.out / outcome.page).write_text(run_page(run, told if settings.tell else (), "index.html"), "utf-8")
    return outcome


@contextmanager
def _writing(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RigError(f"{out}: the results cannot be written ({error.strerror}); choose another --out") from None


def repeat_of(scenario: Scenario, settings: Settings) -> str:
    """One command that runs it again."""
    words = ["powerwarden-rig", "run", spoken_name(scenario), "--bench", settings.bench]
    words += ["--seed", str(settings.seed_of(scenario))]
    return shlex.join([*words, *(["--rig", str(settings.rig)] if settings.rig is not None else [])])


# ---- several at once ------------------------------------------------------------------------------------------------
def _side_by_side(tasks: Sequence[_Task], progress: Progress, jobs: int) -> list[Outcome]:
    others = set(multiprocessing.active_children())
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(jobs, len(tasks)), context, _be_a_worker, (os.getpid(),))
    futures: list[Future[Outcome | None]] = []
    try:
        futures.extend(pool.submit(_work, task) for task in tasks)
        for future in as_completed(futures):
            if (outcome := future.result()) is not None:
                progress.done(outcome)
    except KeyboardInterrupt:
        for child in set(multiprocessing.active_children()) - others:
            child.terminate()
    except BrokenProcessPool:
        raise RigError("a process that ran scenarios has died (out of memory?); run again with --jobs 1") from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    ended = [future for future in futures if not future.cancelled() and future.exception() is None]
    return [outcome for future in ended if (outcome := future.result()) is not None]


class _Worker:
    """What a process that runs scenarios for another one knows of itself."""

    stopped = False


def _be_a_worker(parent: int) -> None:
    """Ctrl-C is heard by the process that started us; it tells us with SIGTERM, and the next moment ends the run. The
    signal itself raises nothing: it may come in the middle of anything. Where that process dies, so do we."""
    die_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _stop)


def _stop(_number: int, _frame: FrameType | None) -> None:
    _Worker.stopped = True


def _go_on(_at_ms: int) -> None:
    if _Worker.stopped:
        raise KeyboardInterrupt


def _work(task: _Task) -> Outcome | None:
    if _Worker.stopped:
        return None
    return _run_and_write(read_again(task.path, task.name), task, _go_on)


# ---- what is written ------------------------------------------------------------------------------------------------
def _write(
    out: Path, outcomes: Sequence[Outcome], earlier: Iterable[Outcome], missing: Sequence[str], now: str
) -> None:
    fresh = {(outcome.name, outcome.bench) for outcome in outcomes}
    old = [o for o in earlier if (o.name, o.bench) not in fresh and (out / o.page).exists()]
    everything = sorted([*outcomes, *old], key=lambda outcome: (outcome.name, outcome.bench))
    with _writing(out):
        write_outcomes(out / "results.json", everything)
        (out / "junit.xml").write_text(junit(outcomes, now), "utf-8")
        (out / "index.html").write_text(index_page(everything, now, missing), "utf-8")
