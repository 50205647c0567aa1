"""An energy guard's family for the loader's tests: what a control box of the operator would say. See by_value()."""

from __future__ import annotations

from dataclasses import replace

from drivers.contract import Family, Shape, SignalSpec
from drivers.registry import FAMILIES
from supervisor.kernel.signal import Unit

GUARD: Family = replace(
    FAMILIES["sdm630_modbus"],
    stem="guard",
    machine="none",
    options=(),
    facts={},
    shape=lambda _options: Shape(
        (
            SignalSpec("limit", Unit.POWER, 0, 10**9, 300_000),
            SignalSpec("active", Unit.FLAG, 0, 1, 300_000),
            SignalSpec("beat", Unit.COUNT, 0, 10**9, 300_000, core=True),
        )
    ),
)
WITH_GUARD = {**FAMILIES, "guard": GUARD}
