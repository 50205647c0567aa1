"""The guardian's own counters as metrics: which name of a snapshot's ``counters`` becomes what.

A counter's name there is a word, or a word and what it counts by: ``refused:limits.cold``, ``stay_ms:MACHINE:STATE``.
The parts come from the documents, from the guardian's own words or are numbers into the description; a name that this
version does not know is shown all the same, so that a newer guardian loses nothing.

This file must never count anything itself: a restarted gateway resets nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import Metric

from supervisor.gateway.link import View
from supervisor.gateway.metrics_base import Rows, counter, gauge, histogram
from supervisor.wire import Describe

PLAIN = {
    "cycles": "Scan cycles that were completed.",
    "early_cycles": "Cycles that a change or a request brought forward.",
    "late_cycles": "Cycles that began a whole period late or more.",
    "skipped_cycles": "Deadlines that passed without a cycle.",
    "requests_total": "Requests of the network, whatever became of them.",
    "requests_busy": "Requests for which a cycle had no place; refused at once.",
    "foreign_samples": "Samples of a signal that is not that bus's own.",
    "lost_images": "Output images that a bus process did not take.",
    "unrecorded_cycles": "Cycles that could not be recorded; they widen nothing.",
    "journal_refused": "Items that the journal could not accept.",
    "journal_lean": "Segments of the journal that had to go without samples.",
    "journal_bytes": "Compressed bytes written to the journal.",
    "state_not_kept": "Times that the state could not be written to disk.",
    "watchdog_fed": "Times that the watchdog was fed.",
    "watchdog_withheld": "Cycles that did not feed the watchdog: late, or a worker hung.",
    "peers_refused": "Connections to the guardian's socket that were turned away.",
}
# name -> metric, what it says, how many of the guardian's units make one of the metric's
GAUGES = {
    "journal_failing": ("journal_failing", "1 while the disk refuses the journal.", 1),
    "journal_budget_bytes": (
        "journal_budget_bytes",
        "What the journal may still write before it leaves samples out.",
        1,
    ),
    "watchdog_slack_ms": (
        "watchdog_slack_seconds",
        "Least time that a worker of the guardian had left before it counted as hung, in the last minute or two.",
        1_000,
    ),
}
ELSEWHERE = ("stay_ms", "mode_ms", "lease_age_ms")  # with what they belong to: metrics_house.py
ONLY_ANSWER = ("permissions.", "refusals.", "programs.")  # families of rules that never act by themselves
LATENESS = "Lateness of cycles at their deadlines."
_NOT_A_NAME = re.compile(r"[^a-z0-9_]+")


def able(told: Describe) -> list[str]:
    """The rules that can act: what is permitted, refused or run as a program only answers."""
    return [rule for rule, _why in told.rules if not rule.startswith(ONLY_ANSWER)]


def parted(view: View) -> dict[str, dict[str, int]]:
    """The counters with a part, by their word: ``{"refused": {"limits.cold": 3}}``."""
    found: dict[str, dict[str, int]] = {}
    for name, total in view.snapshot.counters:
        word, colon, part = name.partition(":")
        if colon:
            found.setdefault(word, {})[part] = total
    return found


def counted(view: View) -> Iterator[Metric]:
    """All of them but those that stand with their machine, mode or target."""
    plain = {name: total for name, total in view.snapshot.counters if ":" not in name}
    parts = parted(view)
    yield from _lateness(parts.pop("lateness_le", {}), plain.pop("lateness_sum_ms", 0))
    yield from _decisions(view, plain, parts)
    for name, total in plain.items():
        if name in GAUGES:
            metric, text, units = GAUGES[name]
            yield gauge(metric, text, (), [((), total / units)])
        else:
            text = PLAIN.get(name, "Counted by the guardian since it started.")
            yield counter(_NOT_A_NAME.sub("_", name.lower()).removesuffix("_total"), text, (), [((), total)])
    left = [((word, part), float(n)) for word in parts if word not in ELSEWHERE for part, n in parts[word].items()]
    if left:
        yield counter("guardian_counts", "Counters of a newer guardian, by name.", ("count", "of"), left)


def _lateness(upto: Mapping[str, int], sum_ms: int) -> Iterator[Metric]:
    if upto:
        edges = [("+Inf" if edge == "inf" else str(int(edge) / 1_000), float(n)) for edge, n in upto.items()]
        yield histogram("cycle_lateness_seconds", LATENESS, edges, sum_ms / 1_000)


def _decisions(view: View, plain: dict[str, int], parts: dict[str, dict[str, int]]) -> Iterator[Metric]:
    """What became of requests; rules that never did anything yet say 0 where it is known which there are."""
    verdicts = {name.removeprefix("decisions_"): name for name in plain if name.startswith("decisions_")}
    rows = [((verdict,), float(plain.pop(name))) for verdict, name in verdicts.items()]
    yield counter("decisions", "Decided requests by verdict.", ("verdict",), rows)
    yield counter("refusals", "Refused requests by the rule that refused.", ("rule",), _rows(parts.pop("refused", {})))
    yield counter("clips", "Clipped requests by the rule that clipped.", ("rule",), _rows(parts.pop("clipped", {})))
    trips = dict.fromkeys(able(view.describe), 0) | parts.pop("trips", {})
    yield counter("trips", "Times a rule began to act.", ("rule",), _rows(trips))
    yield counter("events", "What happened, by kind.", ("kind",), _rows(parts.pop("events", {})))


def _rows(by_part: Mapping[str, int], scaled: Callable[[int], float] = float) -> Rows:
    return [((part,), scaled(total)) for part, total in by_part.items()]
