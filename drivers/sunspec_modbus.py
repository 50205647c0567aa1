"""A three-phase inverter that speaks SunSpec (models 103 and 123): it may be limited, and forgets the limit by itself.

Theory of operation
* Where the models stand is found out first (sunspec_discovery.py). Nothing is written until both models and the scale
  factor of the limit have been read.
* Each model is read whole, in one request, so that a scale factor is as old as its values. After three failed reads of
  one model in a row, or with another model in its place, the search begins anew.
* One output, ``power_limit``: a share of the nameplate power. Offsets 5 to 9 of model 123 go out in one write. A limit
  that tightens goes out at once; any other write, while the device does not show what is wanted, no closer than 1 s to
  the last one. ``say`` renews each third of the time that the inverter holds a limit, also when the right one is shown,
  since the timer behind it may be somebody else's.

What the device can express
* The register counts in 10^SF percent, and a limit is rounded down to it, never up: with SF 0, 33.3 % become 33 %.
* ``power_limit`` is also the read-back: the rating while WMaxLim_Ena is disabled, else what the register says. It is
  compared with what was told to the last mW, so ``step_permille`` must be a step that the register knows: 10 (whole
  percents, the default) with any SF from -2 to 0, 1 only with -2 or -1. With another SF the limit is still written,
  rounded down, and each read says with Defect.READBACK why the two differ. The read-back is never bent to the order: a
  limit shown as obeyed that is not the one in force would hide the very fault that it is there to show.

When we fall silent
* The device's own timer (RvrtTms) *lifts* the limit when it expires: the opposite of a safe dead-man, REVERTS_UNSAFE.
  ``Silence.after_ms`` is this timer, counted from the last *write*. The site's silence image is the last renewal. It
  holds for ``revert_s`` if it changes the limit, else for two thirds of that at least, because what is in force and
  fresh is not written again; then the inverter gives what its roof gives. Nothing of ours can prevent that.
* Whether a maker honours RvrtTms has to be tried on the device. One that does not keeps the last limit, for ever.
* So a house that cannot bear full power without us needs an independent cut-off, such as a contactor that drops by
  itself later than the limit has brought the flow down and sooner than two thirds of ``revert_s``.

Why ``Conn`` (offset 4) is no output: the sheet gives its place and that of its timer, and nothing else. It does not say
that a disconnected inverter is isolated, how fast it goes, nor what the value is after Conn_RvrtTms; a timer that ends
in *connected* would close by itself what was opened on purpose. What must be off needs a contactor with a proof of its
own; 0 W is said with ``power_limit``. ``connected`` is read and shown.

This driver must never renew from ``poll``, never write with a scale factor that was not read from the same place, never
write the connection, never round a limit up, and never take an accepted write for a shown value.

Source: SunSpec Alliance, information models 1, 103, 123.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from drivers.base import Quiet
from drivers.contract import (
    Ask,
    BusKind,
    Defect,
    DefectKind,
    Driver,
    Failure,
    Family,
    Heard,
    Options,
    OptionSpec,
    OutputSpec,
    ReadRegisters,
    RegisterTable,
    Sample,
    Shape,
    SignalSpec,
    Silence,
    SilenceKind,
    WriteCost,
    WriteRegisters,
)
from drivers.modbus_poll import Poller
from drivers.modbus_table import Group, Meanings, ModbusTable
from drivers.sunspec_discovery import Search
from drivers.sunspec_table import SunSpecTable, load, scaled
from supervisor.kernel.signal import Quality, Unit

STEM = "sunspec_modbus"
INVERTER, CONTROLS = 103, 123
FAILED_READS_MAX = 3
PERMILLE = 1000
WORD_MAX = 0xFFFE
"""The largest number of a u16: 0xFFFF is "not implemented"."""
LIMIT_FACTOR = 23
"""Offset of WMaxLimPct_SF in model 123."""
ENABLED = 1
WRITE_REST_MS = 1_000
ENFORCE_MS = 10_000
"""The standard bounds no ramp (RmpTms 0 leaves it to the maker); inverters are down within some seconds."""
READBACK_MS = 4_000
RENEWALS = 3
"""Writes per RvrtTms: two may be lost."""

_KIND = {Failure.EXCEPTION: DefectKind.DEVICE_EXCEPTION, Failure.SHORT: DefectKind.SHORT_REPLY}


# ---- the limit -----------------------------------------------------------------------------------------------------
@dataclass
class Limit:
    """What the limit is to be, was told to be and is. Shares in permille of the rating; None is "not known".

    ``address``: of offset 5 of model 123. ``power``: the scale factor last read there.
    """

    address: int
    unit: int
    revert_s: int
    max_age_ms: int
    power: int | None = None
    told: int | None = None
    written_ms: int | None = None
    renewed_ms: int | None = None
    read: int | None = None
    asked_ms: int = 0
    read_ms: int = 0

    def see(self, share: int | None, power: int | None, asked_ms: int, now_ms: int) -> None:
        """A read has come; None where it was no measurement."""
        self.read, self.power, self.asked_ms, self.read_ms = share, power, asked_ms, now_ms

    def shown(self, now_ms: int) -> int | None:
        """The share in force; None when it is too old, was never read, or was asked before our last write."""
        if self.written_ms is not None and self.asked_ms <= self.written_ms:
            return None
        return self.read if now_ms - self.read_ms <= self.max_age_ms else None

    def order(self, permille: int, now_ms: int) -> tuple[WriteRegisters, ...]:
        """The write that brings or keeps the limit at this share or just below it, if one is needed and due."""
        if self.power is None:
            return ()
        word = _floor(permille, self.power)
        share, shown = scaled(word, 10, self.power), self.shown(now_ms)
        fresh = self.renewed_ms is not None and now_ms - self.renewed_ms < self.revert_s * 1000 // RENEWALS
        if fresh and shown == share:
            return ()
        before = shown if shown is not None else self.told
        tightens = share != self.told and (before is None or share < before)
        if not tightens and self.written_ms is not None and now_ms - self.written_ms < WRITE_REST_MS:
            return ()
        self.told, self.written_ms = share, now_ms
        # WMaxLimPct, its window, RvrtTms, its ramp, WMaxLim_Ena
        return (WriteRegisters(self.unit, self.address, (word, 0, self.revert_s, 0, ENABLED)),)


def _floor(permille: int, power: int) -> int:
    """The largest register that, times 10^power percent, is no more than this share."""
    return min(int(permille * 10**-power // 10) if power <= 0 else int(permille // 10 ** (power + 1)), WORD_MAX)


def _expresses(step: int, power: int) -> bool:
    """Can a register that counts in 10^power percent say every multiple of this step (permille) up to the rating?"""
    return all(scaled(_floor(share, power), 10, power) == share for share in (step, PERMILLE - PERMILLE % step))


# ---- the device ----------------------------------------------------------------------------------------------------
class SunSpecInverter(Quiet):
    """One inverter. ``rating_w`` is the nameplate power that a limit is a share of; ``step``: its step in permille."""

    def __init__(self, unit: int, bases: Sequence[int], rating_w: int, revert_s: int, step: int) -> None:
        self._table = load(STEM)
        self._unit, self._rating_w, self._revert_s, self._step = unit, rating_w, revert_s, step
        self._search = Search(self._table, unit, bases, (INVERTER, CONTROLS))
        self._poller: Poller | None = None  # None: the search is on
        self._limit: Limit | None = None
        self._meanings = Meanings()
        self._failed: dict[str, int] = {}

    def poll(self, now_ms: int) -> Iterable[Ask]:
        if now_ms < self._search.quiet_until_ms:
            return ()
        ask = (self._poller or self._search).poll(now_ms)
        return () if ask is None else (ask,)

    # ---- what the inverter tells -------------------------------------------------------------------------------
    def on_registers(
        self, ask: ReadRegisters | WriteRegisters, reply: Sequence[int] | Failure, now_ms: int
    ) -> Iterable[Heard]:
        words: Sequence[int] | None = None
        heard: tuple[Heard, ...] = ()
        if isinstance(reply, Failure):
            heard = (Defect(_KIND.get(reply, DefectKind.TIMEOUT), f"{reply.value} at register {ask.address}"),)
        else:
            words = reply
        if isinstance(ask, WriteRegisters):
            self._on_written(ask, words is not None)
        elif self._poller is None:
            return heard + self._on_searched(ask, words, now_ms)
        elif (place := self._poller.answered(ask, now_ms)) is not None:
            return heard + self._on_model(*place, words, now_ms)
        return heard

    def _on_searched(self, ask: ReadRegisters, words: Sequence[int] | None, now_ms: int) -> tuple[Heard, ...]:
        told = self._search.answered(ask, words, now_ms)
        if isinstance(told, Defect):
            return (told,)
        if told is not None:
            self._adopt(told)
        return ()

    def _adopt(self, places: Mapping[int, int]) -> None:
        """The models have been found: read them from now on. What was known of the limit was known of another place."""
        table = self._table
        groups = tuple(_group(table, identifier, places[identifier]) for identifier in (INVERTER, CONTROLS))
        self._poller = Poller(
            ModbusTable(table.title, True, self._unit, table.request_gap_ms, table.timeout_ms, groups, (), {}),
            self._unit,
        )
        self._controls = groups[1]
        self._limit = Limit(places[CONTROLS] + table.limit[0], self._unit, self._revert_s, groups[1].max_age_ms)
        self._failed.clear()

    def _on_model(self, group: Group, asked_ms: int, words: Sequence[int] | None, now_ms: int) -> tuple[Heard, ...]:
        model = self._table.models[int(group.name)]
        heard = () if words is None else self._meanings.of(group.name, words, model.decode)
        samples = {item.name: item.value for item in heard if isinstance(item, Sample)}
        self._failed[group.name] = 0 if samples else self._failed.get(group.name, 0) + 1
        if self._failed[group.name] >= FAILED_READS_MAX or model.is_elsewhere(words or ()):
            self._poller = self._limit = None
            self._search.quiet_until_ms = now_ms + self._table.request_gap_ms
        elif samples and words is not None and self._limit is not None and model.identifier == CONTROLS:
            share, power = _share(samples), model.factors.power(words[LIMIT_FACTOR])
            self._limit.see(share, power if isinstance(power, int) else None, asked_ms, now_ms)
            heard += (self._power_limit(share),)
            if isinstance(power, int) and not _expresses(self._step, power):
                why = f"power_limit: scale factor {power} cannot say each step of {self._step} permille"
                heard += (Defect(DefectKind.READBACK, why),)
        return heard

    def _power_limit(self, share: int | None) -> Sample:
        """Permille of a rating in W are mW."""
        if share is None:
            return Sample("power_limit", None, Quality.INVALID)
        return Sample("power_limit", share * self._rating_w)

    # ---- what the inverter is told -----------------------------------------------------------------------------
    def say(self, outputs: Mapping[str, int], now_ms: int) -> Iterable[Ask]:
        if self._limit is None:
            return ()
        return self._limit.order(max(0, min(outputs["power_limit"] // self._rating_w, PERMILLE)), now_ms)

    def _on_written(self, ask: WriteRegisters, accepted: bool) -> None:
        """Accepted or not: what is in force now has to be read."""
        if self._poller is not None and self._limit is not None and ask.address == self._limit.address:
            self._limit.renewed_ms = self._limit.written_ms if accepted else None
            self._poller.hurry(self._controls)


def _share(samples: Mapping[str, int | None]) -> int | None:
    """The limit in force, in permille of the rating; None when half of what says so is no measurement."""
    enabled = samples["limit_enabled"]
    return PERMILLE if enabled == 0 else samples["limit_percent"] if enabled == ENABLED else None


def _group(table: SunSpecTable, identifier: int, address: int) -> Group:
    model = table.models[identifier]
    return Group(str(identifier), RegisterTable.HOLDING, address, model.count, model.period_ms, model.max_age_ms)


def _shape(options: Options) -> Shape:
    models, rating_w = load(STEM).models, int(options["rating_w"])
    rating = rating_w * PERMILLE
    limit = SignalSpec("power_limit", Unit.POWER, 0, rating, models[CONTROLS].max_age_ms)
    power_limit = OutputSpec(
        name="power_limit",
        unit=Unit.POWER,
        lo=0,
        hi=rating,
        safe=0,
        enforce_ms=ENFORCE_MS,
        write_cost=WriteCost.VOLATILE,
        silence=Silence(SilenceKind.REVERTS_UNSAFE, int(options["revert_s"]) * 1000),
        readback=limit.name,
        readback_ms=READBACK_MS,
        step=rating_w * int(options["step_permille"]),
    )
    points = (point.spec for identifier in (INVERTER, CONTROLS) for point in models[identifier].points.values())
    return Shape((*points, limit), (power_limit,))


def _build(options: Options, entropy: bytes) -> Driver:
    del entropy
    base = str(options["base"])
    bases = load(STEM).bases if base == "auto" else (int(base),)
    rating_w, revert_s, step = (int(options[name]) for name in ("rating_w", "revert_s", "step_permille"))
    return SunSpecInverter(int(options["unit"]), bases, rating_w, revert_s, step)


FAMILY = Family(
    stem=STEM,
    title="SunSpec three-phase inverter, Modbus",
    bus=BusKind.MODBUS,
    machine="inverter",
    shape=_shape,
    build=_build,
    options=(
        OptionSpec("unit", int, 1, "Modbus unit of the inverter", 1, 247),
        OptionSpec("host", str, "127.0.0.1", "name or address of the inverter"),
        OptionSpec("port", int, 1502, "TCP port", 1, 65535),
        OptionSpec("base", str, "auto", "where the models begin", choices=("auto", "40000", "50000", "0")),
        OptionSpec("rating_w", int, None, "nameplate power in W, which a limit is a share of", 100, 100_000),
        OptionSpec("revert_s", int, 60, "time in s after which the inverter lifts a limit by itself", 10, 3600),
        OptionSpec("step_permille", int, 10, "smallest step of a limit; 1 needs a WMaxLimPct_SF of -1 or -2", 1, 100),
    ),
    facts={
        "asleep_now": {"any of": ["state is off", "state is sleeping"]},
        "limited_now": "state is throttled",
        "faulted_now": "state is fault",
    },
    source="SunSpec Alliance, information models 1, 103 and 123",
)
