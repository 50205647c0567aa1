"""The live view in a terminal: what the house does, and what binds.

Rules
* It only listens: as Role.VIEW it says Hello and nothing else.
* Every text from the socket passes through :func:`plain`: a name chosen on the network must not move anybody's cursor.
* Simulated and observing sites say so in the title, always.
* Into a pipe it writes one line per change of mode, targets or trips, so that a log stays a log.

This file must never compute a decision: what is shown was decided by the guardian.
"""

from __future__ import annotations

import os
import select
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import closing

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from supervisor.gateway.units import phrase
from supervisor.wire import (
    MESSAGE_MAX,
    PROTOCOL,
    Describe,
    Hello,
    Role,
    Seen,
    SignalInfo,
    Snapshot,
    TargetInfo,
    TargetState,
    WireError,
    connect,
    decode,
    encode,
)

FRAMES_PER_S = 2
RETRY_S = 0.5
SILENCE_S = 2.0  # a guardian that says nothing for this long is shown as lost
EVENTS_SHOWN = 8
PIPE_WIDTH = 120  # columns where there is no terminal to ask

MODE_STYLE = {"normal": "bold green", "fault": "bold white on red"}  # every other mode is a warning
QUALITY_STYLE = {"good": "", "suspect": "yellow", "stale": "yellow", "invalid": "red", "missing": "red"}


def plain(text: str, style: str = "") -> Text:
    """``text`` without anything that a terminal would obey."""
    return Text("".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text), style)


def lasting(ms: int) -> str:
    """A duration as people say it: "0.3 s", "12 s", "5 min", "3.2 h"."""
    for limit, text in (
        (10_000, f"{ms / 1_000:.1f} s"),
        (120_000, f"{ms // 1_000} s"),
        (7_200_000, f"{ms // 60_000} min"),
    ):
        if ms < limit:
            return text
    return f"{ms / 3_600_000:.1f} h"


def render(describe: Describe, snapshot: Snapshot) -> RenderableType:
    """The whole picture."""
    parts = [_head(describe, snapshot), _trips(describe, snapshot), _targets(describe, snapshot)]
    return Group(*parts, _devices(describe, snapshot), _buses(snapshot), _events(snapshot))


def _head(describe: Describe, snapshot: Snapshot) -> Text:
    head = Text.assemble(plain(describe.site, "bold"), "  ")
    head.append(plain(f" {snapshot.mode} ", MODE_STYLE.get(snapshot.mode, "bold black on yellow")))
    head.append(f" for {lasting(snapshot.mode_for_ms)}, cycle {snapshot.cycle}")
    for said, word in ((describe.simulated, "SIMULATED"), (describe.observe, "OBSERVE ONLY")):
        if said:
            head.append("  ").append(f" {word} ", "bold white on magenta")
    return head


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", expand=True, box=None, padding=(0, 1))
    for column in columns:  # the first names the row, so it stays in one piece
        table.add_column(column, header_style="dim", overflow="fold", no_wrap=column == columns[0])
    return table


def _trips(describe: Describe, snapshot: Snapshot) -> RenderableType:
    if not snapshot.trips:
        return Text("no active trips", "green")
    why = dict(describe.rules)
    table = _table("Active trips", "rule", "answer", "latched", "for", "why")
    for trip in snapshot.trips:
        answer = plain(trip.answer, "yellow" if trip.answer == "unknown" else "red")
        row = (plain(trip.rule, "bold red"), answer, plain(trip.latched or "-"), lasting(trip.for_ms))
        table.add_row(*row, plain(why.get(trip.rule, "")))
    return table


def _targets(describe: Describe, snapshot: Snapshot) -> Table:
    table = _table("Targets", "target", "output", "may be asked", "bound by", "lease")
    for info, now in zip(describe.targets, snapshot.targets, strict=True):
        name, output = plain(info.id), plain(phrase(now.output, info.unit, info.codes), "bold")
        table.add_row(name, output, _envelope(info, now), _binding(now), _lease(info, now))
    return table


def _envelope(info: TargetInfo, now: TargetState) -> Text:
    if now.empty_by:
        return Text("nothing", "red")
    return plain(f"{phrase(now.lo, info.unit, info.codes)} .. {phrase(now.hi, info.unit, info.codes)}")


def _binding(now: TargetState) -> Text:
    if now.empty_by:
        return plain(now.empty_by, "red")
    if now.lo_by == now.hi_by:
        return plain(now.hi_by or "-")
    edges = [f"{edge} {by}" for edge, by in (("lo:", now.lo_by), ("hi:", now.hi_by)) if by]
    return plain(", ".join(edges) or "-")


def _lease(info: TargetInfo, now: TargetState) -> Text:
    held = now.lease
    if held is None:
        return plain(f"- ({now.wanted_by})" if now.wanted_by else "-", "dim")
    return plain(
        f"{held.holder} {phrase(held.value, info.unit, info.codes)} {held.kind}, {held.expires_in_ms // 1_000} s left"
    )


def _devices(describe: Describe, snapshot: Snapshot) -> Table:
    states: dict[str, list[str]] = {}
    for machine, at in zip(describe.machines, snapshot.machines, strict=True):
        device, _, part = machine.id.partition(".")
        words = f"{part} {machine.states[at.state]} {lasting(at.for_ms)}" + (f" ({at.why})" if at.why else "")
        states.setdefault(device, []).append(words.lstrip())
    readings: dict[str, list[Text]] = {}
    oldest: dict[str, int] = {}
    for signal, seen in zip(describe.signals, snapshot.readings, strict=True):
        device, _, name = signal.id.partition(".")
        readings.setdefault(device, []).append(_reading(name, signal, seen))
        oldest[device] = max(oldest.get(device, 0), seen.age_ms or 0)
    table = _table("Devices", "device", "state", "oldest", "readings")
    for device in dict.fromkeys((*states, *readings)):
        state = plain(", ".join(states.get(device, ["-"])))
        age = lasting(oldest[device]) if device in oldest else "-"
        table.add_row(plain(device, "bold"), state, age, Text(", ").join(readings.get(device, [])))
    return table


def _reading(name: str, signal: SignalInfo, seen: Seen) -> Text:
    """Name and value; quality and age only where there is a doubt about it."""
    quality = seen.quality.name.lower()
    words = f"{name} {phrase(seen.value, signal.unit, signal.codes)}"
    if quality != "good":
        words += f" {quality}" + ("" if seen.age_ms is None else f" ({lasting(seen.age_ms)})")
    return plain(words, QUALITY_STYLE[quality])


def _buses(snapshot: Snapshot) -> Table:
    table = _table("Buses", "bus", "state", "counted")
    for bus in snapshot.buses:
        state, style = (bus.link, "green") if bus.connected and bus.link != "down" else ("down", "red")
        counted = ", ".join(f"{of} {kind} {total}" for of, kind, total in bus.counters if total)
        table.add_row(plain(bus.name), plain(f"{state} {bus.detail}".strip(), style), plain(counted or "-"))
    return table


def _events(snapshot: Snapshot) -> RenderableType:
    table = _table("Last events", "ago", "kind", "what")
    for event in snapshot.events[-EVENTS_SHOWN:]:
        ago = lasting(max(0, snapshot.at_ms - event.at_ms))
        table.add_row(ago, plain(event.kind), plain(f"{event.subject} {event.text}"))
    return table


def line(describe: Describe, snapshot: Snapshot) -> str:
    """Mode, outputs and trips on one line, for a log."""
    outputs = (
        f"{info.id}={phrase(now.output, info.unit, info.codes)}"
        for info, now in zip(describe.targets, snapshot.targets, strict=True)
    )
    flags = "simulated " * describe.simulated + "observe " * describe.observe
    trips = ",".join(trip.rule for trip in snapshot.trips) or "none"
    return plain(f"{flags}mode={snapshot.mode} {' '.join(outputs)} trips={trips}").plain


def pictures(socket_path: str) -> Iterator[tuple[Describe, Snapshot]]:
    """Each newest picture, until the guardian ends. Raises OSError or WireError; TimeoutError when it falls silent."""
    with closing(connect(socket_path)) as sock:
        sock.settimeout(SILENCE_S)
        sock.send(encode(Hello(Role.VIEW, "view", os.getpid(), PROTOCOL, "")))
        describe: Describe | None = None
        while packet := sock.recv(MESSAGE_MAX + 1):
            word = decode(packet)
            if isinstance(word, Describe):
                describe = word
            elif isinstance(word, Snapshot) and describe is not None and not _more(sock):
                yield describe, word


def _more(sock: socket.socket) -> bool:
    """True when something newer already waits: a slow terminal skips pictures instead of lagging behind."""
    return bool(select.select([sock], [], [], 0)[0])


def frames(socket_path: str) -> Iterator[tuple[Describe, Snapshot] | str]:
    """Pictures without end; a text in between says why there is none at the moment."""
    while True:
        try:
            yield from pictures(socket_path)
            trouble = "it hung up"
        except (OSError, WireError) as error:
            trouble = str(error) or type(error).__name__
        yield trouble
        time.sleep(RETRY_S)


def watch(socket_path: str) -> int:
    """The live view until Ctrl-C, through restarts of the guardian. Returns the exit code, 0."""
    return _follow(socket_path)


def _follow(socket_path: str) -> int:
    try:
        if sys.stdout.isatty():
            _live(socket_path)
            return 0
        for text in lines(socket_path):
            sys.stdout.write(f"{text}\n")
            sys.stdout.flush()
    except (KeyboardInterrupt, BrokenPipeError):
        return 0
    return 0


def lines(socket_path: str) -> Iterator[str]:
    """One line per change."""
    before = ""
    for frame in frames(socket_path):
        text = plain(f"guardian=lost ({frame})").plain if isinstance(frame, str) else line(*frame)
        if text != before:
            yield text
        before = text


def _live(socket_path: str) -> None:
    with Live(Text("connecting"), refresh_per_second=FRAMES_PER_S, screen=True) as live:
        for frame in frames(socket_path):
            if isinstance(frame, str):
                live.update(plain(f"guardian not answering: {frame}", "bold red"))
            else:
                live.update(render(*frame))


def status(socket_path: str, watch: bool) -> int:
    """``powerwarden status [--watch]``. Returns the exit code: 0 shown, 1 when there is no guardian to ask."""
    if watch:
        return _follow(socket_path)
    console = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH)
    frame = next(frames(socket_path))
    if isinstance(frame, str):
        sys.stderr.write(f"powerwarden status: no guardian at {socket_path}: {frame}\n")
        return 1
    console.print(render(*frame))
    return 0
