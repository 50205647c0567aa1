"""Makes powerwarden.json, the Grafana dashboard: what an owner asks in the evening, one row of panels a question.

    python deploy/grafana/make.py            writes powerwarden.json beside this file

Needs nothing but Python. A panel is a title, a sentence, its queries (PromQL, legend) and a shape; the page is the list
in ROWS. ``$instance`` is one house, ``$target`` some of its targets. A test compares the file with what this makes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Json = dict[str, Any]
SOURCE = {"type": "prometheus", "uid": "${source}"}
MODES = ("starting", "observe", "normal", "degraded", "orchestrator_lost", "fault", "maintenance")
MODE_COLOURS = ("blue", "purple", "green", "orange", "yellow", "red", "dark-blue")
ONE = 'instance="$instance"'
SOME = f'{ONE}, target=~"$target"'
WIDTH = 24


# ---- shapes --------------------------------------------------------------------------------------------------------
def panel(kind: str, title: str, about: str, queries: list[Json], options: Json, **field: Any) -> Json:
    """One panel; ``field``: the defaults of its fields, such as the unit."""
    defaults = {"mappings": [], "thresholds": steps(("green", None)), **field}
    return {
        "type": kind,
        "title": title,
        "description": about,
        "datasource": SOURCE,
        "targets": [{"refId": chr(65 + i), "datasource": SOURCE, **query} for i, query in enumerate(queries)],
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": options,
    }


def steps(*edges: tuple[str, float | None]) -> Json:
    return {"mode": "absolute", "steps": [{"color": color, "value": value} for color, value in edges]}


def query(expression: str, legend: str = "") -> Json:
    return {"expr": expression, "legendFormat": legend, "range": True, "instant": False}


def now(expression: str) -> Json:
    """For a table: only the newest values, a row each."""
    return {"expr": expression, "format": "table", "range": False, "instant": True}


def lines(title: str, about: str, unit: str, *queries: tuple[str, str], bars: bool = False, step: bool = False) -> Json:
    """Curves over time."""
    custom: Json = {"drawStyle": "bars" if bars else "line", "fillOpacity": 40 if bars else 8, "lineWidth": 1}
    custom |= {"showPoints": "never", "lineInterpolation": "stepAfter" if step else "linear"}
    options = {
        "legend": {"showLegend": True, "displayMode": "list", "placement": "bottom", "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    asked = [query(expression, legend) for expression, legend in queries]
    least: Json = {"min": 0} if bars else {}
    return panel("timeseries", title, about, asked, options, unit=unit, custom=custom, **least)


def states(title: str, about: str, names: Json, *queries: tuple[str, str]) -> Json:
    """A band over time. ``names``: value -> (word, colour)."""
    mapping = {
        str(value): {"text": word, "color": colour, "index": i} for i, (value, (word, colour)) in enumerate(names)
    }
    options = {
        "alignValue": "left",
        "mergeValues": True,
        "rowHeight": 0.8,
        "showValue": "auto",
        "legend": {"showLegend": False, "displayMode": "list", "placement": "bottom", "calcs": []},
        "tooltip": {"mode": "single", "sort": "none"},
    }
    asked = [query(expression, legend) for expression, legend in queries]
    maps = [{"type": "value", "options": mapping}]
    return panel(
        "state-timeline", title, about, asked, options, mappings=maps, custom={"fillOpacity": 75, "lineWidth": 0}
    )


def table(title: str, about: str, columns: Json, *expressions: str, unit: str = "none", sort: str = "") -> Json:
    """The newest values. ``columns``: label or "Value #A" -> heading, in their order; all others are left out."""
    options = {"showHeader": True, "frameIndex": 0, "sortBy": [{"displayName": sort, "desc": True}] if sort else []}
    made = panel("table", title, about, [now(expression) for expression in expressions], options, unit=unit)
    only = "Value" if len(expressions) == 1 else ""
    renamed = {(only if only and name == "Value #A" else name): heading for name, heading in columns.items()}
    made["transformations"] = [
        {"id": "merge", "options": {}},
        {"id": "filterFieldsByName", "options": {"include": {"names": list(renamed)}}},
        {"id": "organize", "options": {"renameByName": renamed, "indexByName": {n: i for i, n in enumerate(renamed)}}},
    ]
    return made


def number(
    title: str, about: str, unit: str, expression: str, *edges: tuple[str, float | None], legend: str = ""
) -> Json:
    """One figure, or one for each series."""
    options = {
        "colorMode": "value",
        "graphMode": "area",
        "justifyMode": "auto",
        "textMode": "auto",
        "wideLayout": True,
        "showPercentChange": False,
        "percentChangeColorMode": "standard",
        "orientation": "auto",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    }
    thresholds = steps(*(edges or (("green", None),)))
    return panel("stat", title, about, [query(expression, legend)], options, unit=unit, thresholds=thresholds)


# ---- the questions -------------------------------------------------------------------------------------------------
MODE_NOW = " + ".join(f'{i} * sum(powerwarden_house_mode{{{ONE}, mode="{mode}"}})' for i, mode in enumerate(MODES))
MODE_NAMES = [(i, (mode.replace("_", " "), MODE_COLOURS[i])) for i, mode in enumerate(MODES)]
ON_OFF = [(0, ("open", "text")), (1, ("closed", "orange"))]
YES = [(0, ("no", "transparent")), (1, ("yes", "orange"))]
UP = [(0, ("down", "red")), (1, ("up", "green"))]
HELD = f"powerwarden_lease_held{{{ONE}}}"
BINDS = f'powerwarden_envelope_bound_by{{{SOME}, rule!="rating"}}'
ACTED = f"powerwarden_trip_active{{{ONE}}} and (max_over_time(powerwarden_trip_active{{{ONE}}}[$__range]) == 1)"
STALE = f'(powerwarden_signal_quality{{{ONE}, quality=~"stale|invalid|missing"}} == 1)'
LATE = f"sum by (le) (rate(powerwarden_cycle_lateness_seconds_bucket{{{ONE}}}[$__rate_interval]))"


def over(metric: str, by: str, more: str = "") -> str:
    """How much a counter grew over the whole range that is shown, by a label; what did not grow is left out."""
    return f"sort_desc(sum by ({by}) (increase({metric}{{{ONE}{more}}}[$__range])) > 0.5)"


def each(metric: str, by: str, more: str = "") -> str:
    """How much a counter grew from point to point."""
    return f"sum by ({by}) (increase({metric}{{{ONE}{more}}}[$__rate_interval]))"


def doing() -> Iterator[tuple[int, int, Json]]:
    """(width, height, panel), as the rest."""
    about = "Which permissions and limits hold follows from it. Anything but normal has a reason below."
    yield 18, 5, states("Mode of the house", about, MODE_NAMES, (MODE_NOW, "house"))
    by_mode = f"sum by (mode) (increase(powerwarden_house_mode_seconds_total{{{ONE}}}[$__range])) > 0"
    yield 6, 5, number("Time in each mode", "Of the range that is shown.", "s", by_mode, legend="{{mode}}")
    about = "Positive is into the house; what a load draws is positive, too."
    yield 12, 8, lines("Power", about, "watt", (f'powerwarden_signal_value{{{ONE}, unit="W"}}', "{{signal}}"))
    yield 12, 8, lines("Current", about, "amp", (f'powerwarden_signal_value{{{ONE}, unit="A"}}', "{{signal}}"))
    soc = f'powerwarden_signal_value{{{ONE}, unit="ratio"}}'
    yield 12, 6, lines("State of charge", "As the batteries tell it.", "percentunit", (soc, "{{signal}}"))
    flags = f'powerwarden_target_output{{{ONE}, unit="flag"}}'
    yield 12, 6, states("Contactors and switches", "What they are told.", ON_OFF, (flags, "{{target}}"))


def asked() -> Iterator[tuple[int, int, Json]]:
    decided = each("powerwarden_decisions_total", "verdict", ', verdict!="done"')
    yield 12, 7, lines("Decisions", "What became of requests.", "short", (decided, "{{verdict}}"), bars=True)
    columns = {"target": "target", "holder": "who", "kind": "kind", "Value #A": "granted", "unit": "unit"}
    columns |= {"Value #B": "s left", "Value #C": "s ago"}
    join = f"{HELD} * on (instance, target) group_left"
    leases = (
        f"{join} (unit) powerwarden_lease_value",
        f"{join} () powerwarden_lease_remaining_seconds",
        f"{join} () powerwarden_lease_age_seconds",
    )
    yield 12, 7, table("Who has what now", "Leases: every accepted value has an owner and an end.", columns, *leases)
    holders = (HELD, "{{target}}: {{holder}} ({{kind}})")
    yield 12, 7, states("Who had what", "A gap is a program of the house.", [(1, ("held", "blue"))], holders)
    columns = {"rule": "rule", "Value #A": "times"}
    refused, clipped = over("powerwarden_refusals_total", "rule"), over("powerwarden_clips_total", "rule")
    yield 6, 7, table("Refused by", "Over the range that is shown.", columns, refused, sort="times")
    yield 6, 7, table("Clipped by", "Over the range that is shown.", columns, clipped, sort="times")


def binding() -> Iterator[tuple[int, int, Json]]:
    curves = (
        (f"powerwarden_envelope_hi{{{SOME}}}", "most that may be asked"),
        (f"powerwarden_envelope_lo{{{SOME}}}", "least"),
        (f"powerwarden_lease_value{{{SOME}}}", "granted"),
        (f"powerwarden_target_output{{{SOME}}}", "said on the wire"),
    )
    about = "The range that rules leave, and what is done in it. Where nothing is left the range is missing."
    yield 12, 7, lines("$target", about, "short", *curves, step=True) | {"repeat": "target", "repeatDirection": "h"}
    legend = "{{target}} {{edge}}: {{rule}}"
    about = "Which rule set the edge of what may be asked; the device's own rating is left out."
    yield 24, 8, states("What binds", about, [(1, ("binds", "orange"))], (BINDS, legend))
    wanted = (f"powerwarden_target_wanted_by{{{SOME}}}", "{{target}}: {{by}}")
    yield 24, 8, states("Where the output comes from", "A lease, a program, or safe.", [(1, ("it", "green"))], wanted)


def wrong() -> Iterator[tuple[int, int, Json]]:
    columns = {"rule": "rule", "answer": "holds", "latched": "latched", "Value #A": "for"}
    acting = f"sort_desc(powerwarden_trip_acting_seconds{{{ONE}}})"
    about = "unknown: what it asks about is not known, which counts as the strict side."
    yield 12, 7, table("What acts now, and since when", about, columns, acting, unit="s", sort="for")
    yield 12, 7, states("What acted", "Only rules that did, in the range that is shown.", YES, (ACTED, "{{rule}}"))
    columns = {"signal": "reading", "quality": "is", "Value #A": "age"}
    age = f"({STALE} * on (instance, signal) group_left () powerwarden_signal_age_seconds) or ({STALE} * NaN)"
    about = "With their age; one that never came has none."
    yield 12, 7, table("Readings that count as not known", about, columns, age, unit="s", sort="age")
    links = (f"powerwarden_bus_link_up{{{ONE}}}", "{{bus}}")
    yield 12, 7, states("Buses", "down: its process does not run, or does not reach its wires.", UP, links)
    defects = each("powerwarden_bus_defects_total", "bus, device, kind") + " > 0"
    about = "Damaged, late or impossible answers; orders that did not leave."
    yield 12, 7, lines("Defects on the buses", about, "short", (defects, "{{device}} {{kind}}"), bars=True)
    denials = each("powerwarden_denials_total", "reason") + " > 0"
    about = "Who never reached the guardian. GET /v1/denials names the addresses."
    yield 12, 7, lines("Turned away by the gateway", about, "short", (denials, "{{reason}}"), bars=True)


def box() -> Iterator[tuple[int, int, Json]]:
    quantiles = [(f"histogram_quantile({q}, {LATE})", f"{float(q) * 100:g} of 100") for q in ("0.5", "0.99")]
    yield 12, 7, lines("Lateness of cycles", "At their deadlines, at most.", "s", *quantiles)
    skipped = each("powerwarden_skipped_cycles_total", "instance")
    withheld = each("powerwarden_watchdog_withheld_total", "instance")
    about = "Both are zero on a healthy box."
    counts = ((skipped, "cycles skipped"), (withheld, "watchdog not fed"))
    yield 12, 7, lines("Cycles skipped, watchdog withheld", about, "short", *counts, bars=True)
    slack = ("red", None), ("orange", 1), ("green", 2)
    about = "What the slowest worker had left before it counted as hung."
    yield 6, 5, number("Watchdog slack", about, "s", f"powerwarden_watchdog_slack_seconds{{{ONE}}}", *slack)
    left = ("red", None), ("orange", 1e6), ("green", 4e6)
    about = "What it may still write before it leaves readings out."
    yield 6, 5, number("Journal's budget", about, "bytes", f"powerwarden_journal_budget_bytes{{{ONE}}}", *left)
    a_day = f"86400 * rate(powerwarden_journal_bytes_total{{{ONE}}}[$__rate_interval])"
    yield 6, 5, number("Journal a day", "At the present rate.", "bytes", a_day)
    used = f"process_resident_memory_bytes{{{ONE}}}"
    yield 6, 5, number("Gateway's memory", "Of the gateway's process alone.", "bytes", used)
    answered = each("powerwarden_http_requests_total", "code")
    yield 12, 6, lines("Answers over HTTP", "By class of status.", "short", (answered, "{{code}}"), bars=True)
    columns = {"contactor": "contactor", "Value #A": "closings", "Value #B": "openings under current"}
    worn = [f"powerwarden_contactor_{name}_total{{{ONE}}}" for name in ("closings", "openings_under_current")]
    yield 12, 6, table("Wear of contactors", "Since they were new to this box.", columns, *worn)


ROWS = (
    ("What is the house doing?", doing),
    ("Who asked for what, and what did he get?", asked),
    ("What binds?", binding),
    ("What is wrong, and since when?", wrong),
    ("How is the box?", box),
)


# ---- the page ------------------------------------------------------------------------------------------------------
def placed() -> Iterator[Json]:
    """All panels from left to right and top to bottom, a heading before each question."""
    top, count = 0, 0
    for title, questions in ROWS:
        count += 1
        place = {"h": 1, "w": WIDTH, "x": 0, "y": top}
        yield {"type": "row", "id": count, "title": title, "collapsed": False, "gridPos": place, "panels": []}
        top, left, tall = top + 1, 0, 0
        for width, height, made in questions():
            if left + width > WIDTH:
                top, left, tall = top + tall, 0, 0
            count += 1
            yield {"id": count, "gridPos": {"h": height, "w": width, "x": left, "y": top}} | made
            left, tall = left + width, max(tall, height)
        top += tall


def variable(name: str, label: str, expression: str, many: bool) -> Json:
    made: Json = {"type": "query", "name": name, "label": label, "datasource": SOURCE, "refresh": 2, "sort": 1}
    made |= {"query": {"query": expression, "refId": name}, "multi": many, "includeAll": many}
    return made | ({"current": {"text": ["All"], "value": ["$__all"]}} if many else {})


def dashboard() -> Json:
    source = {"type": "datasource", "name": "source", "label": "Prometheus", "query": "prometheus"}
    house = variable("instance", "house", "label_values(powerwarden_house_mode, instance)", many=False)
    targets = f"label_values(powerwarden_target_output{{{ONE}}}, target)"
    return {
        "uid": "powerwarden",
        "title": "Powerwarden",
        "description": "What the house does, who asked for what, what binds, and what is wrong.",
        "tags": ["powerwarden"],
        "schemaVersion": 39,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "15s",
        "time": {"from": "now-12h", "to": "now"},
        "templating": {"list": [source, house, variable("target", "targets", targets, many=True)]},
        "annotations": {"list": []},
        "panels": list(placed()),
    }


def text() -> str:
    return json.dumps(dashboard(), indent=1) + "\n"


if __name__ == "__main__":
    Path(__file__).with_name("powerwarden.json").write_text(text())
