"""Prometheus metrics: one picture of the guardian, taken when somebody scrapes.

Rules
* Values are in base units (V, A, W, Hz, degC, s, ratio); the unit is a label where one metric carries many.
* Labels come only from what the guardian has described (ids, rules, states, buses) or from the fixed words of this
  file. Nothing that a caller sends ever becomes a label.
* A value that is not known, and every value of an old picture, is left out: a gap is honest, a zero is not.

This file must never count anything itself: totals are the guardian's, a restarted gateway does not reset them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from supervisor.gateway.link import Link, View

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
HOUSE_MODES = ("starting", "observe", "normal", "degraded", "orchestrator_lost", "fault", "maintenance")

# kernel unit -> base unit, kernel units in one of it
BASE: dict[str, tuple[str, int]] = {
    "mV": ("V", 1_000),
    "mA": ("A", 1_000),
    "mW": ("W", 1_000),
    "mHz": ("Hz", 1_000),
    "mdegC": ("degC", 1_000),
    "permille": ("ratio", 1_000),
    "ms": ("s", 1_000),
}

_NOT_A_NAME = re.compile(r"[^a-z0-9_]+")

Labels = tuple[str, ...]


def base(value: int, kernel_unit: str) -> float:
    """A kernel value in its base unit."""
    return value / BASE.get(kernel_unit, ("", 1))[1]


def base_unit(kernel_unit: str) -> str:
    """The base unit's name as a label."""
    return BASE.get(kernel_unit, (kernel_unit, 1))[0]


class Metrics(Collector):
    """A collector over the link's newest picture, in a registry of its own."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def text(self) -> bytes:
        """The exposition in Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Everything there is to say now; the registry calls this."""
        yield from _line(self._link)
        view = self._link.view()
        if view is not None:
            yield from _house(view)
            yield from _signals(view)
            yield from _targets(view)
            yield from _wear(view)
            yield from _buses(view)
            yield from _totals(view)


def _gauge(name: str, text: str, labels: Labels, rows: Iterable[tuple[Labels, float]]) -> Metric:
    family = GaugeMetricFamily(f"powerwarden_{name}", text, labels=labels)
    for values, number in rows:
        family.add_metric(values, number)
    return family


def _counter(name: str, text: str, labels: Labels, rows: Iterable[tuple[Labels, float]]) -> Metric:
    family = CounterMetricFamily(f"powerwarden_{name}", text, labels=labels)
    for values, number in rows:
        family.add_metric(values, number)
    return family


def _line(link: Link) -> Iterator[Metric]:
    yield _gauge("guardian_connected", "1 while the guardian talks to the gateway.", (), [((), link.connected)])
    yield _counter("gateway_connections", "Connections to the guardian.", (), [((), link.connections)])
    yield _counter("gateway_timeouts", "Questions without an answer in time.", (), [((), link.timeouts)])
    age_ms = link.age_ms()
    if age_ms is not None:
        yield _gauge("snapshot_age_seconds", "Age of the newest picture.", (), [((), age_ms / 1_000)])


def _house(view: View) -> Iterator[Metric]:
    told, now = view.describe, view.snapshot
    modes = HOUSE_MODES if now.mode in HOUSE_MODES else (*HOUSE_MODES, now.mode)
    rows = [((mode,), float(mode == now.mode)) for mode in modes]
    yield _gauge("house_mode", "1 for the mode the house is in.", ("mode",), rows)
    flags = [(("observe",), float(told.observe)), (("simulated",), float(told.simulated))]
    yield _gauge("site", "1 where the site only observes, or is simulated.", ("property",), flags)
    acting = {trip.rule for trip in now.trips}
    rules = sorted({rule for rule, _why in told.rules} | acting)
    yield _gauge("trip_active", "1 while a rule acts.", ("rule",), [((r,), float(r in acting)) for r in rules])
    states = [
        ((info.id, name), float(index == at.state))
        for info, at in zip(told.machines, now.machines, strict=True)
        for index, name in enumerate(info.states)
    ]
    yield _gauge("machine_state", "1 for the state a machine is in.", ("machine", "state"), states)


def _signals(view: View) -> Iterator[Metric]:
    pairs = list(zip(view.describe.signals, view.snapshot.readings, strict=True))
    values = [((i.id, base_unit(i.unit)), base(s.value, i.unit)) for i, s in pairs if s.value is not None]
    yield _gauge("signal_value", "Newest value, whatever its quality.", ("signal", "unit"), values)
    ages = [((i.id,), (s.age_ms + view.age_ms) / 1_000) for i, s in pairs if s.age_ms is not None]
    yield _gauge("signal_age_seconds", "Time since the value was received.", ("signal",), ages)
    qualities = [
        ((info.id, quality.name.lower()), float(quality is seen.quality))
        for info, seen in pairs
        for quality in type(seen.quality)
    ]
    yield _gauge("signal_quality", "1 for the quality a signal has.", ("signal", "quality"), qualities)


def _targets(view: View) -> Iterator[Metric]:
    pairs = list(zip(view.describe.targets, view.snapshot.targets, strict=True))
    labels = ("target", "unit")
    keys = {info.id: (info.id, base_unit(info.unit)) for info, _now in pairs}
    outputs = [(keys[i.id], base(t.output, i.unit)) for i, t in pairs if t.output is not None]
    yield _gauge("target_output", "What is said on the wire.", labels, outputs)
    lows = [(keys[i.id], base(t.lo, i.unit)) for i, t in pairs if not t.empty_by]
    yield _gauge("envelope_lo", "Least that may be asked for; absent where nothing is left.", labels, lows)
    highs = [(keys[i.id], base(t.hi, i.unit)) for i, t in pairs if not t.empty_by]
    yield _gauge("envelope_hi", "Most that may be asked for; absent where nothing is left.", labels, highs)
    leases = [
        ((info.id,), max(0, now.lease.expires_in_ms - view.age_ms) / 1_000 if now.lease else 0.0) for info, now in pairs
    ]
    yield _gauge("lease_remaining_seconds", "Time until the lease ends, 0 without one.", ("target",), leases)


def _wear(view: View) -> Iterator[Metric]:
    """What wears a contactor out; the counts survive restarts of the guardian."""
    worn = [
        (info.id, at.wear) for info, at in zip(view.describe.machines, view.snapshot.machines, strict=True) if at.wear
    ]
    closings = [((name,), float(wear[0])) for name, wear in worn]
    yield _counter("contactor_closings", "Times a contactor was told to close.", ("contactor",), closings)
    broken = [((name,), float(wear[1])) for name, wear in worn]
    text = "Times it opened under current, or where none was measured."
    yield _counter("contactor_openings_under_current", text, ("contactor",), broken)


def _buses(view: View) -> Iterator[Metric]:
    buses = view.snapshot.buses
    up = [((bus.name,), float(bus.connected)) for bus in buses]
    yield _gauge("bus_connected", "1 while the bus process talks to the guardian.", ("bus",), up)
    links = [((bus.name,), float(bus.connected and bus.link != "down")) for bus in buses]
    yield _gauge("bus_link_up", "1 while the bus process reaches its wires.", ("bus",), links)
    totals: dict[Labels, float] = {(bus.name, of, kind): total for bus in buses for of, kind, total in bus.counters}
    text = "Frames, defects and writes, by device."
    yield _counter("bus_defects", text, ("bus", "device", "kind"), totals.items())


def _totals(view: View) -> Iterator[Metric]:
    """The guardian's own counters; a name that would not be a metric's is made one."""
    totals: dict[str, int] = {}
    for name, total in view.snapshot.counters:
        totals[_NOT_A_NAME.sub("_", name.lower()).removesuffix("_total")] = total
    for name, total in totals.items():
        yield _counter(name, "Counted by the guardian since it started.", (), [((), total)])
