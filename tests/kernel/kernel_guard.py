"""An energy guard as a device, for tests: the limit of the grid operator, whether it is active, and a heartbeat.

A family of its own until a driver of the trade exists (EEBUS, a control box): it says what those say.
"""

from __future__ import annotations

from dataclasses import replace

from drivers.contract import Family, Shape, SignalSpec
from drivers.registry import FAMILIES
from supervisor.kernel.signal import Unit

SHAPE = Shape(
    (
        SignalSpec("limit", Unit.POWER, 0, 10**9, 300_000),
        SignalSpec("active", Unit.FLAG, 0, 1, 300_000),
        SignalSpec("beat", Unit.COUNT, 0, 10**9, 300_000, core=True),
        SignalSpec("alive", Unit.FLAG, 0, 1, 300_000),
    )
)
GUARD: Family = replace(
    FAMILIES["sdm630_modbus"], stem="guard", machine="none", shape=lambda _options: SHAPE, options=(), facts={}
)
WITH_GUARD = {**FAMILIES, "guard": GUARD}
