"""What was done to the house, and what the product answered, on the time axis.

Every event has a number that stands in the picture and before its words in the list; a fault lasts as a red bar until
somebody clears it. Answers of the product are shown as it gave them, and judged nowhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from hil.report.lanes import BAR, LANE
from hil.report.scale import Axis, esc, span
from hil.scenario.model import Action, Broker, Decision, Event, Flood, PowerCut, Scenario, ToDevice, ToProcess

BADGE, ROW = 5.5, 20  # percent of a phone's width that a number needs; px that a row of them needs
ROWS_MAX = 5
TICKS = 250  # columns of answers
VERDICTS = ("granted", "done", "clipped", "refused")
GOOD, FAIR = ("granted", "done"), ("clipped",)


def kind_of(action: Action) -> str:
    """The colour of an event: "bad" breaks something, "good" mends it, "" is daily life."""
    match action:
        case ToDevice(request={"fault": _}) | ToProcess(what="kill" | "stop") | Broker(up=False):
            return "bad"
        case PowerCut() | Flood():
            return "bad"
        case ToDevice(request={"clear": _}) | ToProcess() | Broker():
            return "good"
        case _:
            return ""


def upright(events: Sequence[Event], axis: Axis) -> str:
    """A line through a chart for every event. Many at one moment are one line, in the worst colour."""
    colours: dict[int, str] = {}
    for event in events:
        kind = kind_of(event.action)
        colours[event.at_ms] = kind if kind == "bad" else colours.get(event.at_ms, kind)
    return "".join(
        f'<line class="ev {kind}" x1="{axis.pc(at_ms)}" x2="{axis.pc(at_ms)}" y1="0" y2="100%"/>'
        for at_ms, kind in colours.items()
    )


def numbered(events: Sequence[Event], axis: Axis) -> str:
    """The numbers of the events at their times, and below them how long each fault lasted."""
    if not events:
        return ""
    badges, rows = _badges(events, axis)
    lasting = list(lasting_of(events, axis.length_ms))
    height = ROW * rows + LANE * len(lasting) + 4
    bars = "".join(_bar(name, at, to, ROW * rows + LANE * index, axis) for index, (name, at, to) in enumerate(lasting))
    return (
        f'<figure><figcaption><b>What happened</b></figcaption><svg class="plot" width="100%" height="{height}">'
        f"{upright(events, axis)}{bars}{badges}</svg></figure>"
    )


def _badges(events: Sequence[Event], axis: Axis) -> tuple[str, int]:
    """Numbers that stand close to each other stand in rows."""
    last = [-100.0]
    parts = []
    for number, event in enumerate(events, 1):
        x = axis.at(event.at_ms)
        row = next((row for row, edge in enumerate(last) if x - edge >= BADGE), len(last))
        if row == len(last) and row < ROWS_MAX:
            last.append(x)
        row = min(row, ROWS_MAX - 1)
        last[row] = x
        hint = esc(f"{number}: {axis.when(event.at_ms)}: {event.text}")
        parts.append(
            f'<svg x="{x:g}%" y="{ROW * row + 10}" overflow="visible" class="badge {kind_of(event.action)}">'
            f'<g><title>{hint}</title><circle r="9"/><text y="4" text-anchor="middle">{number}</text></g></svg>'
        )
    return "".join(parts), len(last)


def lasting_of(events: Sequence[Event], end_ms: int) -> Iterator[tuple[str, int, int]]:
    """What is wrong from when to when, in the order of its beginning."""
    open_until: list[tuple[str, int, int]] = []
    for index, event in enumerate(events):
        if (name := _wrong(event.action)) is not None:
            until = next((e.at_ms for e in events[index + 1 :] if _ends(e.action, event.action)), end_ms)
            match event.action:
                case PowerCut(for_s=seconds) | Flood(for_s=seconds):
                    until = event.at_ms + int(seconds * 1000)
            open_until.append((name, event.at_ms, min(until, end_ms)))
    yield from open_until


def _wrong(action: Action) -> str | None:
    match action:
        case ToDevice(device=device, request={"fault": name, **parameters}):
            more = " ".join(f"{key} {value}" for key, value in parameters.items())
            return f"{device}: {str(name).replace('_', ' ')} {more}".strip()
        case ToProcess(part=part, what="stop"):
            return f"{part}: stopped"
        case Broker(up=False):
            return "broker gone"
        case PowerCut():
            return "power cut"
        case Flood(who=who, target=target, per_s=per_s):
            return f"{who} floods {target}, {per_s:g} a second"
    return None


def _ends(later: Action, begun: Action) -> bool:
    match later, begun:
        case ToDevice(device=a, request={"clear": which}), ToDevice(device=b, request={"fault": name}):
            return a == b and which in (True, name, "all")
        case ToProcess(part=a, what="resume" | "kill"), ToProcess(part=b):
            return a == b
        case Broker(up=True), Broker():
            return True
    return False


def _bar(name: str, from_ms: int, to_ms: int, top: int, axis: Axis) -> str:
    hint = esc(f"{name} from {axis.when(from_ms)} to {axis.when(to_ms)}, {span(to_ms - from_ms)}")
    width = max(axis.at(to_ms) - axis.at(from_ms), 0.3)
    return (
        f'<text class="name" x="0" y="{top + 11}">{esc(name)}</text><rect class="bar wrong" x="{axis.pc(from_ms)}" '
        f'y="{top + LANE - BAR - 2}" width="{width:.3f}%" height="{BAR}"><title>{hint}</title></rect>'
    )


def answers(decisions: Sequence[Decision], axis: Axis, marks: str) -> str:
    """The product's answers: a lane for each verdict, a tick for each (or each handful)."""
    verdicts = sorted({decision.verdict for decision in decisions}, key=lambda v: (_rank(v), v))
    lanes = "".join(
        _lane(verdict, [d for d in decisions if d.verdict == verdict], LANE * row, axis)
        for row, verdict in enumerate(verdicts)
    )
    if not lanes:
        return ""
    return (
        '<figure><figcaption><b>Decisions</b> <span class="soft">the product\'s answers to wishes, not judged</span>'
        f'</figcaption><svg class="plot" width="100%" height="{LANE * len(verdicts)}">{marks}{lanes}</svg></figure>'
    )


def _rank(verdict: str) -> int:
    return VERDICTS.index(verdict) if verdict in VERDICTS else len(VERDICTS)


def colour_of(verdict: str) -> str:
    """Of a verdict."""
    return "good" if verdict in GOOD else "fair" if verdict in FAIR else "bad"


def _lane(verdict: str, of_it: Sequence[Decision], top: int, axis: Axis) -> str:
    columns: dict[int, list[Decision]] = {}
    for decision in of_it:
        columns.setdefault(int(axis.at(decision.at_ms) * TICKS / 100), []).append(decision)
    ticks = "".join(
        f'<rect class="tickmark {colour_of(verdict)}" x="{min(column, TICKS - 1) * 100 / TICKS:g}%" '
        f'y="{top + LANE - BAR - 2}" width="{100 / TICKS:g}%" height="{BAR}"><title>{_hint(group, axis)}</title></rect>'
        for column, group in columns.items()
    )
    return f'<text class="name" x="0" y="{top + 11}">{esc(verdict)} ({len(of_it)})</text>{ticks}'


def _hint(group: Sequence[Decision], axis: Axis) -> str:
    lines = [f"{axis.when(d.at_ms)}: {d.who}, {d.target}: {d.verdict}: {d.text}" for d in group[:5]]
    return esc("\n".join([*lines, *([f"and {len(group) - 5} more"] if len(group) > 5 else [])]))


def times(axis: Axis) -> str:
    """The axis in words: fewer of them on a phone."""
    few, many = axis.ticks(5), axis.ticks(12)
    return (
        '<svg class="times" width="100%" height="16">'
        + "".join(
            f'<text class="{css}" x="{axis.pc(at_ms)}" y="12" text-anchor="{_anchor(axis.at(at_ms))}">'
            f"{esc(span(at_ms))}</text>"
            for ticks, css in ((few, "phone"), (many, "wide"))
            for at_ms in ticks
        )
        + "</svg>"
    )


def _anchor(x: float) -> str:
    return "start" if x < 3 else "end" if x > 97 else "middle"


def listed(scenario: Scenario, axis: Axis) -> str:
    """All events in words, with their numbers."""
    rows = "".join(
        f'<tr><td class="num"><b class="dot {kind_of(event.action)}">{number}</b></td><td class="num">'
        f"{esc(axis.when(event.at_ms))}</td><td>{esc(event.text)}</td></tr>"
        for number, event in enumerate(scenario.events, 1)
    )
    return f'<div class="scroll"><table>{rows}</table></div>' if rows else "<p>Nothing was done to it; time passed.</p>"


def told(decisions: Iterable[Decision], axis: Axis, most: int = 200) -> str:
    """The first answers in words."""
    known = list(decisions)
    rows = "".join(
        f'<tr><td class="num">{esc(axis.when(d.at_ms))}</td><td>{esc(d.who)}</td><td>{esc(d.target)}</td>'
        f'<td class="{colour_of(d.verdict)}">{esc(d.verdict)}</td><td>{esc(d.text)}</td></tr>'
        for d in known[:most]
    )
    more = f"<p>and {len(known) - most} more.</p>" if len(known) > most else ""
    head = "<tr><th>when</th><th>who</th><th>target</th><th>verdict</th><th>why</th></tr>"
    return f'<div class="scroll"><table>{head}{rows}</table></div>{more}'
