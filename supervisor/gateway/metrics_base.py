"""What all metrics share: base units, and families built from rows.

Names follow Prometheus' practice: base units, ``_total`` for what only grows, one unit a name. Where one metric carries
readings of many units, the unit is a label.

This file must never know what is measured.
"""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

PREFIX = "powerwarden"

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

Labels = tuple[str, ...]
Rows = Iterable[tuple[Labels, float]]


def base(value: int, kernel_unit: str) -> float:
    """A kernel value in its base unit."""
    return value / BASE.get(kernel_unit, ("", 1))[1]


def base_unit(kernel_unit: str) -> str:
    """The base unit's name as a label."""
    return BASE.get(kernel_unit, (kernel_unit, 1))[0]


def gauge(name: str, text: str, labels: Labels, rows: Rows) -> Metric:
    """What goes up and down."""
    family = GaugeMetricFamily(f"{PREFIX}_{name}", text, labels=labels)
    for values, number in rows:
        family.add_metric(values, number)
    return family


def counter(name: str, text: str, labels: Labels, rows: Rows) -> Metric:
    """What only grows, until the process that counts starts anew. ``_total`` is put behind its name."""
    family = CounterMetricFamily(f"{PREFIX}_{name}", text, labels=labels)
    for values, number in rows:
        family.add_metric(values, number)
    return family


def histogram(name: str, text: str, buckets: list[tuple[str, float]], total: float) -> Metric:
    """``buckets``: (upper edge, how many up to it), the last of them ``+Inf``; ``total``: the sum of all values."""
    family = HistogramMetricFamily(f"{PREFIX}_{name}", text)
    family.add_metric((), buckets, sum_value=total)
    return family
