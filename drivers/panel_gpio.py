"""A panel on the lines of a Raspberry Pi: buttons, key switch, emergency stop, mirror contacts, coils, lamps, a permit.

Theory of operation
* All lines are sampled together every 10 ms. A level counts when consecutive samples showed nothing else for
  ``debounce_ms``; the only time here is that of the samples. Samples that are too far apart are not consecutive.
* Until a level counts there is no sample: what was told before grows old by itself. A line that keeps no level for ten
  times ``debounce_ms`` has no value: INVALID, never a guess. A steady line is told again before its value is too old.
* A ``contact`` tells the MAIN contact of its contactor: 0 open, 1 closed. A mirror contact (``nc``) is closed while
  the main contact is open, so a broken wire reads as closed and proves nothing. The level of a coil is no proof.
* The permit is a one-shot relay that a change of level holds and no steady level does. Its line changes in ``say``
  alone, once for a whole, timely cycle and at most every 100 ms: when we fall silent, crash or hang, it drops, and the
  coils with it. Coils without a permit keep their level for ever, and so does every lamp.
* A coil or lamp whose line reads another level than was said is told again with the next image, and counts as a defect.

This driver must never move the permit from ``poll`` or because of a sample, never energise what is not asked for with
exactly 1, and never take its own word for what a line shows.

Source: dbc/panel_gpio.yaml. Mirror contact: IEC 60947-4-1, annex F.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from drivers.base import Quiet
from drivers.contract import (
    Ask,
    BusKind,
    Defect,
    DefectKind,
    Driver,
    Family,
    Heard,
    Line,
    Options,
    OptionSpec,
    OutputSpec,
    Sample,
    Shape,
    SignalSpec,
    Silence,
    SilenceKind,
    WriteCost,
    WriteLines,
)
from drivers.panel_lines import STEM, Input, Output, Panel, read, table
from supervisor.kernel.signal import Quality, Unit

AGAIN_MS = table().repeat_ms - 2 * table().sample_ms
"""A value is told again once two more samples could make it later than ``repeat``."""
SETTLE_MS = 5 * table().sample_ms
"""A line that was just driven may still read as before."""
LAMP_MS = 20


class DebouncedInput:
    """One input: levels in, samples out."""

    def __init__(self, line: Input, debounce_ms: int) -> None:
        self._line, self._debounce_ms = line, debounce_ms
        self._gap_ms, self._chatter_ms = table().gap_ms, table().chatter * debounce_ms
        self._level: int | None = None  # of the last sample
        self._since_ms = self._last_ms = 0  # when that level was first and last seen
        self._restless_ms: int | None = None  # since when no level has counted; None while one does
        self._told: tuple[int | None, int] | None = None  # value and time; no value: INVALID

    def look(self, level: int | None, now_ms: int) -> Iterable[Heard]:
        """What the next sample of the line means; None: it could not be read."""
        if level is None or level not in (0, 1):
            self._level = None
            return self._nothing(DefectKind.NOT_AVAILABLE, now_ms)
        if self._level is None or now_ms - self._last_ms > self._gap_ms:
            self._level, self._since_ms, self._restless_ms = level, now_ms, now_ms
        elif level != self._level:
            self._level, self._since_ms = level, now_ms
            self._restless_ms = now_ms if self._restless_ms is None else self._restless_ms
        self._last_ms = now_ms
        if now_ms - self._since_ms >= self._debounce_ms:
            self._restless_ms = None
            return self._tell(self._line.code(level), now_ms)
        if self._restless_ms is not None and now_ms - self._restless_ms > self._chatter_ms:
            return self._nothing(DefectKind.GARBAGE, now_ms)
        return ()

    def _tell(self, code: int, now_ms: int) -> Iterable[Heard]:
        if not self._due(code, now_ms):
            return ()
        return (Sample(self._line.name, code),)

    def _nothing(self, why: DefectKind, now_ms: int) -> Iterable[Heard]:
        if not self._due(None, now_ms):
            return ()
        return Defect(why, f"{self._line.name}: line {self._line.number}"), Sample(
            self._line.name, None, Quality.INVALID
        )

    def _due(self, value: int | None, now_ms: int) -> bool:
        if self._told is not None and self._told[0] == value and now_ms - self._told[1] < AGAIN_MS:
            return False
        self._told = value, now_ms
        return True


class PanelDriver(Quiet):
    """One panel."""

    def __init__(self, panel: Panel, debounce_ms: int) -> None:
        self._panel = panel
        self._inputs = {line.number: DebouncedInput(line, debounce_ms) for line in panel.inputs}
        self._said: dict[int, int] | None = None  # levels of coils and lamps
        self._said_ms = self._complained_ms = 0
        self._shown: dict[int, int] = {}  # as read back from the pins
        self._pulsed_ms: int | None = None
        self._pulse = panel.pulse.level(energised=False) if panel.pulse is not None else 0

    # ---- what the lines tell -----------------------------------------------------------------------------------
    def on_lines(self, levels: Mapping[int, int], now_ms: int) -> Iterable[Heard]:
        heard = [item for number, line in self._inputs.items() for item in line.look(levels.get(number), now_ms)]
        self._shown = {line.number: levels[line.number] for line in self._panel.told if line.number in levels}
        return (*heard, *self._contradicted(now_ms))

    def _contradicted(self, now_ms: int) -> Iterator[Heard]:
        """A line that does not follow: somebody else drives it, or its driver is gone."""
        wrong = [line.name for line in self._panel.told if self._differs(line.number)]
        if wrong and now_ms - self._said_ms >= SETTLE_MS and now_ms - self._complained_ms >= table().repeat_ms:
            self._complained_ms = now_ms
            yield Defect(DefectKind.READBACK, ", ".join(wrong)[:200])

    def _differs(self, number: int) -> bool:
        return self._said is not None and self._shown.get(number, self._said[number]) != self._said[number]

    # ---- what the lines are told -------------------------------------------------------------------------------
    def say(self, outputs: Mapping[str, int], now_ms: int) -> Iterable[Ask]:
        levels = {line.number: line.level(outputs[line.name] == 1) for line in self._panel.told}
        changed = levels != self._said
        again = any(self._differs(number) for number in levels)
        pulsed = self._pulse_moves(now_ms)
        if not (changed or again or pulsed):
            return ()
        if changed:
            self._said_ms = now_ms
        self._said = levels
        permit = () if self._panel.pulse is None else ((self._panel.pulse.number, self._pulse),)
        return (WriteLines((*levels.items(), *permit)),)

    def _pulse_moves(self, now_ms: int) -> bool:
        """Move the permit's level when it is time to."""
        if self._panel.pulse is None or (self._pulsed_ms is not None and now_ms - self._pulsed_ms < table().pulse_ms):
            return False
        self._pulse, self._pulsed_ms = 1 - self._pulse, now_ms
        return True


# ---- the family ---------------------------------------------------------------------------------------------------
def _panel(options: Options) -> Panel:
    """Raises ValueError for words that make no panel."""
    panel = read(str(options["inputs"]), str(options["outputs"]))
    permit_ms, (least, most) = int(options["permit_ms"]), table().permit_ms
    if permit_ms and panel.pulse is None:
        raise ValueError(
            "permit_ms: is the time of a one-shot relay; add its line to outputs, such as 'permit=17 pulse'"
        )
    if permit_ms and not least <= permit_ms <= most:
        raise ValueError(
            f"permit_ms: {permit_ms} is not within {least}..{most}; a relay this quick drops between pulses"
        )
    return panel


def _shape(options: Options) -> Shape:
    panel = _panel(options)
    signals = tuple(
        SignalSpec(line.name, Unit.CODE, 0, 1, table().age_ms, core=True, codes=line.codes) for line in panel.inputs
    )
    return Shape(signals, tuple(_output(line, options) for line in panel.told))


def _output(line: Output, options: Options) -> OutputSpec:
    coil, permit_ms = line.kind == "coil", int(options["permit_ms"])
    silence = Silence(SilenceKind.REVERTS_SAFE, permit_ms) if coil and permit_ms else Silence(SilenceKind.NONE)
    travel_ms = table().travel_ms if coil else 0
    return OutputSpec(
        name=line.name,
        unit=Unit.FLAG,
        lo=0,
        hi=1,
        safe=0,
        enforce_ms=travel_ms if coil else LAMP_MS,
        write_cost=WriteCost.VOLATILE,
        silence=silence,
        readback=line.proof,
        readback_ms=travel_ms + int(options["debounce_ms"]) + table().repeat_ms if coil else None,
        contactor=coil,
        travel_ms=travel_ms,
    )


def _lines(options: Options) -> tuple[Line, ...]:
    return _panel(options).lines()


def _build(options: Options, entropy: bytes) -> Driver:
    del entropy
    return PanelDriver(_panel(options), int(options["debounce_ms"]))


FAMILY = Family(
    stem=STEM,
    title="Panel of buttons, contacts, coils and lamps on GPIO lines",
    bus=BusKind.GPIO,
    machine="none",
    shape=_shape,
    build=_build,
    options=(
        OptionSpec("inputs", str, None, "its switches, such as 'estop=5 stop nc, key=6 key, aux_1=19 contact nc'"),
        OptionSpec("outputs", str, "", "such as 'permit=17 pulse, lamp=22 lamp, k1=23 coil active_low proof=aux_1'"),
        OptionSpec(
            "debounce_ms", int, table().debounce_ms, "how long a level must last to count", 0, table().debounce_most_ms
        ),
        OptionSpec(
            "permit_ms", int, 0, "what the permit's one-shot relay is set to; 0: there is none", 0, table().permit_ms[1]
        ),
    ),
    lines=_lines,
    source="dbc/panel_gpio.yaml",
)
