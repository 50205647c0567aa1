"""Prometheus metrics: one picture of the guardian, taken when somebody scrapes, and this process's own counts.

Rules
* Values are in base units (V, A, W, Hz, degC, s, ratio); the unit is a label where one metric carries many.
* Labels come only from what the guardian has described (ids, rules, states, buses) or from the fixed words of these
  files. Nothing that a caller sends ever becomes a label.
* A value that is not known, and every value of an old picture, is left out: a gap is honest, a zero is not.

This file must never count anything of the house itself: those totals are the guardian's, a restarted gateway does not
reset them. What the gateway knows of itself (:class:`Own`) begins anew with it.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from supervisor.gateway import metrics_house as house
from supervisor.gateway.link import Link
from supervisor.gateway.metrics_base import base, base_unit, counter, gauge
from supervisor.gateway.metrics_counted import counted

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True)
class Own:
    """What this gateway knows of itself; what it does not have is not told. ``traffic``: requests by (route, method,
    status class); ``denials``: by reason; ``streams``: open event streams; ``mqtt``: is the broker there, None
    where the site has none?"""

    traffic: Callable[[], Mapping[tuple[str, str, str], int]] | None = None
    denials: Callable[[], Mapping[str, int]] | None = None
    streams: Callable[[], int] | None = None
    mqtt: Callable[[], bool | None] | None = None


class Metrics(Collector):
    """A collector over the link's newest picture, in a registry of its own."""

    def __init__(self, link: Link, own: Own | None = None) -> None:
        self._link = link
        self._own = own or Own()
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        ProcessCollector(registry=self._registry)  # CPU, memory and files of this process

    def text(self) -> bytes:
        """The exposition in Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Everything there is to say now; the registry calls this."""
        yield from _build()
        yield from _line(self._link)
        yield from _gateway(self._own)
        view = self._link.view()
        if view is not None:
            for part in PARTS:
                yield from part(view)


PARTS = (
    *(house.house, house.machines, house.rules, house.signals, house.targets, house.leases),
    *(house.wear, house.buses, counted),
)


@cache
def _version() -> str:
    try:
        return version("powerwarden")
    except PackageNotFoundError:  # run from a tree that nobody has installed
        return "unknown"


def _build() -> Iterator[Metric]:
    labels = (_version(), platform.python_version())
    yield gauge("build_info", "1, with the version of the gateway.", ("version", "python"), [(labels, 1.0)])
    yield gauge("time_seconds", "The box's wall clock: only people and schedules use it.", (), [((), time.time())])


def _line(link: Link) -> Iterator[Metric]:
    yield gauge("guardian_connected", "1 while the guardian talks to the gateway.", (), [((), link.connected)])
    yield counter("gateway_connections", "Connections to the guardian.", (), [((), link.connections)])
    yield counter("gateway_timeouts", "Questions without an answer in time.", (), [((), link.timeouts)])
    age_ms = link.age_ms()
    if age_ms is not None:
        yield gauge("snapshot_age_seconds", "Age of the newest picture.", (), [((), age_ms / 1_000)])


def _gateway(own: Own) -> Iterator[Metric]:
    if own.traffic is not None:
        requests = [(key, float(total)) for key, total in own.traffic().items()]
        text = "Answered requests by route, method and class of status."
        yield counter("http_requests", text, ("route", "method", "code"), requests)
    if own.denials is not None:
        denials = [((str(reason),), float(total)) for reason, total in own.denials().items()]
        yield counter("denials", "Who was turned away by the gateway, by reason.", ("reason",), denials)
    if own.streams is not None:
        yield gauge("event_streams", "Open event streams.", (), [((), own.streams())])
    if own.mqtt is not None and (reached := own.mqtt()) is not None:
        yield gauge("mqtt_connected", "1 while the broker is reached.", (), [((), float(reached))])


__all__ = ["CONTENT_TYPE", "Metrics", "Own", "base", "base_unit"]
