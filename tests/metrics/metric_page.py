"""The table of all metrics in docs/metrics.md, made from the code: python tests/metrics/metric_page.py --write

The names, types, labels and texts are those of a picture in which everything is there.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    here = Path(__file__).resolve()
    sys.path[:0] = [str(here.parents[2]), str(here.parents[1] / "gateway")]

from fake_guardian import DESCRIBE, SNAPSHOT
from msgspec.structs import replace

from supervisor.gateway.link import Link
from supervisor.gateway.metrics import Metrics, Own
from supervisor.gateway.metrics_counted import GAUGES, PLAIN
from supervisor.wire import MachineState

PAGE = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"
BEGIN, END = "<!-- table: python tests/metrics/metric_page.py --write -->\n", "<!-- end of table -->\n"
PARTS = (
    *("lateness_le:1", "lateness_le:inf", "decisions_granted", "refused:a", "clipped:a", "events:trip"),
    *("lease_age_ms:0", "other:a"),
)


def families() -> list[tuple[str, str, tuple[str, ...], str]]:
    """(name, type, labels, text) of every metric of ours, by name."""
    counters = tuple((name, 1) for name in (*PLAIN, *GAUGES, *PARTS))
    machines = tuple(MachineState(at.state, at.for_ms, wear=(1, 1)) for at in SNAPSHOT.machines)
    link = Link("not connected", lambda: 0)
    link.describe, link.snapshot = DESCRIBE, replace(SNAPSHOT, counters=counters, machines=machines)
    own = Own(lambda: {("/", "GET", "2xx"): 1}, lambda: {"a": 1}, lambda: 1, lambda: True)
    found = []
    for family in Metrics(link, own).collect():
        assert family.samples, family.name
        labels = sorted({label for sample in family.samples for label in sample.labels} - {"le"})
        name = family.name + ("_total" if family.type == "counter" else "")
        found.append((name, family.type, tuple(labels), family.documentation))
    return sorted(found)


def known() -> list[str]:
    return [name for name, *_ in families()]


def table() -> str:
    rows = [
        f"| `{name.removeprefix('powerwarden_')}` | {kind} | {', '.join(f'`{label}`' for label in labels)} | {text} |\n"
        for name, kind, labels, text in families()
    ]
    return "| `powerwarden_` … | type | labels | what it says |\n|---|---|---|---|\n" + "".join(rows)


def parts() -> tuple[str, str, str]:
    """The page before the table, the table as it stands there, and the page behind it."""
    text = PAGE.read_text()
    before, found, rest = text.partition(BEGIN)
    inside, _, after = rest.partition(END)
    return before + found, inside, END + after


if __name__ == "__main__":
    before, _, after = parts()
    if "--write" in sys.argv:
        PAGE.write_text(before + table() + after)
    else:
        sys.stdout.write(table())
