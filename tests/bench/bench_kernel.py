"""P1: one kernel step of a house of 25 devices, 200 signals and 60 rules, and the same house twenty times as large.

The floor is what any program in this language would have to do at least: look at each rule's reading once, compare
its value, and compare its age.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from drivers.base import Quiet
from drivers.contract import (
    BusKind,
    Family,
    Options,
    OutputSpec,
    Shape,
    SignalSpec,
    Silence,
    SilenceKind,
    WriteCost,
)
from supervisor.kernel.cycle import step
from supervisor.kernel.image import absorb, blank
from supervisor.kernel.plan import Plan
from supervisor.kernel.question import Image
from supervisor.kernel.signal import Quality, Sample, Unit
from supervisor.kernel.state import State, boot
from supervisor.loader.load import load

CYCLES = 2_000
DEVICES, PER_DEVICE, RULES = 25, 8, 60


def toy_family() -> Family:
    """Eight currents and one level, followed by a meter's machine."""
    signals = tuple(SignalSpec(f"s{i}", Unit.CURRENT, 0, 100_000, 2_000, core=i < 2) for i in range(PER_DEVICE))
    silence = Silence(SilenceKind.REVERTS_SAFE, 1_000)
    output = OutputSpec("level", Unit.CURRENT, 0, 32_000, 0, 100, WriteCost.VOLATILE, silence)

    def shape(_options: Options) -> Shape:
        return Shape(signals, (output,))

    def build(_options: Options, _entropy: bytes) -> Quiet:
        return Quiet()

    return Family("toy", "bench", BusKind.SERIAL, "meter", shape, build)


def house(times: int) -> Plan:
    """The plan of the bench house, ``times`` as large."""
    devices, rules = DEVICES * times, RULES * times
    site = ["site: bench", "cycle: 50 ms", "start_grace: 1 s", "buses:"]
    site += ["  line: {kind: serial, device: none, baudrate: 9600}", "devices:"]
    site += [f"  d{i}: {{driver: toy, bus: line}}" for i in range(devices)]
    limits = ["limits:"]
    for i in range(rules):
        when = f"d{i % devices}.s{i % PER_DEVICE} above 90 A"
        then = f"{{d{i % devices}.level: at most 16 A}}"
        limits.append(f"  r{i}: {{why: the bench wants it, when: {when}, hold: 1 s, then: {then}}}")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "site.yaml").write_text("\n".join(site))
        Path(folder, "10-limits.yaml").write_text("\n".join(limits))
        return load(Path(folder), families={"toy": toy_family()}).plan


def samples(plan: Plan, value: int, now_ms: int) -> list[Sample]:
    return [Sample(i, value, now_ms, Quality.GOOD) for i in range(len(plan.signals))]


def quiet(plan: Plan, cycles: int) -> list[float]:
    """Seconds per step while readings come twice a second and nothing else happens."""
    state, image = boot(plan, 0), blank(plan.signals)
    return _run(plan, state, image, cycles, lambda n: 1_000 + n % 7 if n % 10 == 0 else None)


def turmoil(plan: Plan, cycles: int) -> list[float]:
    """Seconds per step while every reading crosses every limit up and down, and everything goes silent and returns."""
    state, image = boot(plan, 0), blank(plan.signals)
    return _run(plan, state, image, cycles, lambda n: (95_000 if n % 120 < 60 else 1_000) if n % 200 < 150 else None)


def _run(plan: Plan, state: State, image: Image, cycles: int, values: Callable[[int], int | None]) -> list[float]:
    took = []
    for n in range(cycles):
        now_ms = n * 50
        value = values(n)
        if value is not None:
            image = absorb(plan.signals, image, samples(plan, value, now_ms), now_ms)
        start = time.perf_counter()
        result = step(plan, state, image, (), now_ms)
        took.append(time.perf_counter() - start)
        state = result.state
    return took[cycles // 10 :]


def floor(plan: Plan, cycles: int) -> float:
    """Seconds for the comparisons alone: per rule one value and one age, per signal one age."""
    image = absorb(plan.signals, blank(plan.signals), samples(plan, 1_000, 0), 0)
    looks = [(rule.question.signals()[0], 90_000, 2_000) for rule in plan.rules]
    ages = [(i, signal.max_age_ms) for i, signal in enumerate(plan.signals)]
    took = []
    for n in range(cycles):
        start = time.perf_counter()
        [image[i].value > limit and n - image[i].at_ms <= age for i, limit, age in looks]  # type: ignore[operator]
        [n - image[i].at_ms <= age for i, age in ages]
        took.append(time.perf_counter() - start)
    return statistics.median(took)


def kernel_step() -> list[dict[str, object]]:
    """The rows of P1."""
    plan = house(1)
    base = floor(plan, CYCLES)
    median = statistics.median(quiet(plan, CYCLES))
    moving = turmoil(plan, CYCLES)
    large = statistics.median(quiet(house(20), CYCLES // 10))
    what = f"kernel step, {len(plan.devices)} devices, {len(plan.signals)} signals, {len(plan.rules)} rules"
    return [
        _row(f"{what}: median", median, "≤ 0.4 ms", base),
        _row("the same, 99 of 100", _percentile(quiet(plan, CYCLES), 0.99), "", base),
        _row("everything moves at once: 99 of 100", _percentile(moving, 0.99), "≤ 2 ms", base),
        {
            **_row("twenty times the house: median", large, "≤ ×20", base),
            "ratio": f"×{large / median:.1f} of the small one",
        },
    ]


def _percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[int(len(values) * share)]


def _row(what: str, seconds: float, must: str, base: float) -> dict[str, object]:
    figures: Mapping[str, object] = {"measured": f"{seconds * 1e3:.3f} ms", "floor": f"{base * 1e3:.3f} ms"}
    return {"id": "P1", "what": what, "must": must, **figures, "ratio": f"{seconds / base:.1f}"}
