"""``powerwarden walk``: walks a running product, says what it does in words, and keeps what it has found.

Exit codes: 0 all proven, 1 something is wrong, 3 something is not proven, 2 it could not be walked.
Whatever ends the walk (also Ctrl-C), everything is given back first.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from supervisor.check.finding import printable
from supervisor.loader.load import Loaded, load
from supervisor.walk import amounts, record, result
from supervisor.walk.client import Client, WalkError, read_token
from supervisor.walk.course import Options, Walk
from supervisor.walk.look import Look, look
from supervisor.walk.options import Asked
from supervisor.walk.step import Step, Wish
from supervisor.walk.survey import Positions, Survey, survey

Say = Callable[[str], None]


def run(asked: Asked) -> int:
    """Walk, and return the exit code."""
    loaded = load(asked.site)
    house = survey(loaded)
    options = Options(asked.contactors, asked.by_hand)
    if asked.dry_run:
        _show(plan(house, options))
        return 0
    client: Client | None = None
    try:
        if asked.token_file is None:
            raise WalkError("say who asks: --token-file FILE, with the token of an orchestrator on one line")
        client = Client(asked.api, read_token(asked.token_file))
        return _walk(asked, loaded, house, options, client)
    except WalkError as error:
        return _failed(str(error))
    except KeyboardInterrupt:
        return _failed(ended_early([] if client is None else client.held))


def ended_early(held: list[str]) -> str:
    """Somebody has ended it; a second Ctrl-C also ends the giving back of what is ``held``."""
    if held:
        return f"ended before its end; {', '.join(held)} was not given back, and ends by itself in {amounts.LEASE_S} s"
    return "ended before its end; everything was given back, and nothing is recorded"


def _failed(text: str) -> int:
    sys.stderr.write(f"powerwarden walk: {printable(text)}\n")
    return 2


def _walk(asked: Asked, loaded: Loaded, house: Survey, options: Options, client: Client) -> int:
    path = asked.out or asked.run_dir / record.NAME
    if not path.parent.is_dir():
        raise WalkError(f"there is no folder {path.parent} for the record; name a place with --out")
    who, state = client.me(), client.state()
    _same(asked.site, state)
    walk = Walk(house, options, placed(look(state)))
    units = {name: str(said["unit"]) for name, said in state["targets"].items()}
    _say(f"{loaded.plan.site}: {len(walk.steps)} steps, as {who} at {client.url}; Ctrl-C ends it and gives all back")
    try:
        follow(walk, client, units, _say, _monotonic_ms, time.sleep)
    finally:
        client.release_all()
    rows = result.rows(walk)
    _show(table(rows))
    about = {
        "site": loaded.plan.site,
        "digest": loaded.site.digest,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "by": who,
        "api": client.url,
    }
    try:
        record.write(path, record.record(walk, rows, about))
    except OSError as error:
        raise WalkError(f"the record cannot be written to {path}: {error.strerror}; name a place with --out") from None
    _say(f"recorded in {path}; put it beside site.yaml, and `powerwarden check` knows it")
    return result.EXIT[result.verdict(rows)]


def _same(site: Path, state: dict[str, Any]) -> None:
    """The product runs exactly these documents, or nothing would be proven of them."""
    running = state["guardian"].get("digest")
    if running is None:
        raise WalkError("the guardian does not answer the gateway; try again in a moment")
    if running != load(site, observe=state["observe"]).site.digest:
        raise WalkError(f"the product runs other documents than {site}: start it with these, or name its own")


def placed(now: Look) -> Callable[[Positions], int | None]:
    """In which position a changeover is now."""

    def at(changeover: Positions) -> int | None:
        output = now.outputs.get(changeover.target)
        return None if output is None else int(output)

    return at


def follow(
    walk: Walk,
    client: Client,
    units: dict[str, str],
    say: Say,
    clock_ms: Callable[[], int],
    pause: Callable[[float], object],
) -> None:
    """Step by step, until all is done."""
    told: tuple[Step | None, str] = (None, "")
    while not walk.done:
        step, now_ms = walk.step, clock_ms()
        client.renew(now_ms)
        for wish in walk.turn(now_ms, look(client.state())):
            walk.told(*carry_out(client, wish, units, now_ms))
        if step is not None and (step, step.says) != told:
            say(f"{step.title}: {_ended(step) if step.done else step.says}")
            told = (step, step.says)
        elif step is not None and step.done:
            say(f"{step.title}: {_ended(step)}")
        pause(amounts.POLL_MS / 1_000)


def carry_out(client: Client, wish: Wish, units: dict[str, str], now_ms: int) -> tuple[str, str]:
    """One wish, and its answer."""
    if wish.value is None:
        return client.release(wish.target)
    return client.set(wish.target, wish.value, units.get(wish.target, ""), now_ms)


def _ended(step: Step) -> str:
    if step.wrong:
        return f"WRONG: {'; '.join(step.wrong)}"
    return f"not proven: {step.unproven}" if step.unproven else "done"


# ---- for people ------------------------------------------------------------------------------------------------------
def plan(house: Survey, options: Options) -> Iterator[str]:
    """What a walk would do, and what must answer; nothing is asked of anybody."""
    yield "A walk of this site would do, in this order, and give everything back:"
    walk = Walk(house, options, lambda _: None)
    for number, step in enumerate(walk.steps, 1):
        yield f"{number:3}. {step.title}"
    yield "And these must answer:"
    for group in house.groups:
        shown = ", ".join(place.current + (f" with {place.power}" if place.power else "") for place in group.places)
        yield f"     {group.section}: {shown}"
    for contact in house.contacts:
        if contact.used:
            yield f"     {contact.target}: {', '.join(name for name, _ in contact.closed)}"
    yield from (f"     left out: {left.subject}, because {left.why}" for left in walk.left)


def table(rows: tuple[result.Row, ...]) -> Iterator[str]:
    """One row for everything, and the verdict."""
    wide = max((len(row.subject) for row in rows), default=0)
    yield ""
    for row in rows:
        yield f"{row.status.value:<10}  {row.subject:<{wide}}  {row.text}"
    counts = ", ".join(f"{sum(row.status is status for row in rows)} {status.value}" for status in result.Status)
    yield ""
    yield f"{counts}: {_VERDICTS[result.verdict(rows)]}"


_VERDICTS = {
    result.Status.WRONG: "put right what is wrong, and walk again before anything is controlled here.",
    result.Status.OPEN: "what is not proven may be wrong; this site is not to leave observe like this.",
    result.Status.PROVEN: "each load, sensor and contact answers as the documents say.",
}


def _show(lines: Iterator[str]) -> None:
    for line in lines:
        _say(line)


def _say(text: str) -> None:
    sys.stdout.write(printable(text) + "\n")
    sys.stdout.flush()


def _monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000
