"""A three-phase inverter that speaks SunSpec (models 103 and 123): it may be limited, and forgets the limit by itself.

Theory of operation
* Where the models stand has to be found out first: a base is one where "SunS" stands, behind it a chain of models, each
  with its length. A base that does not answer or makes no sense leads to the next one; after the last one the driver
  rests for 5 s. Nothing is written until both models and the scale factor of the limit have been read.
* Each model is read whole, in one request, so that a scale factor is as old as its values. After three failed reads of
  one model in a row, or with another model in its place, the search begins anew.
* One output, ``power_limit``: a share of the nameplate power, rounded down to what the device can express. Offsets 5 to
  9 of model 123 go out in one write. A limit that tightens goes out at once; any other write, while the device does not
  show what is wanted, no closer than 1 s to the last one.
* The device's own timer (RvrtTms) *lifts* the limit when it expires, so it is the opposite of a safe dead-man: the site
  must declare a silence image, which is the last renewal and holds for ``revert_s`` only. A house that cannot bear full
  power after that needs a contactor too. ``say`` renews each third of the time, also when the right limit is shown,
  since the timer behind it may be somebody else's.

``power_limit`` is also the read-back: the rating while WMaxLim_Ena is disabled, else its share.

This driver must never renew from ``poll``, never write with a scale factor that was not read from the same place, and
never take an accepted write for a shown value.

Source: SunSpec Alliance, information models 1, 103, 123 and the rules of discovery.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
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
from drivers.modbus_poll import LOST_MS, Poller
from drivers.modbus_table import Group, ModbusTable
from drivers.sunspec_table import HEAD, SunSpecTable, load, scaled
from supervisor.kernel.signal import Quality, Unit

STEM = "sunspec_modbus"
SUNS = (0x5375, 0x6E53)
INVERTER, CONTROLS = 103, 123
MODELS_MAX = 40
SEARCH_REST_MS = 5_000
FAILED_READS_MAX = 3
PERMILLE = 1000
STEP_PERMILLE = 1
"""A scale factor of -1 or below can express it; with 0 the device knows whole percents only."""
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


# ---- where the models stand ----------------------------------------------------------------------------------------
class Astray(Exception):
    """A base whose registers are no chain of models with what we need. The text says what stands there."""


def walk(table: SunSpecTable, base: int) -> Generator[int, tuple[int, int], Mapping[int, int]]:
    """Yields the address of two registers at a time and is sent what they hold; returns model -> its address.

    Ends as soon as both models have been found. Raises Astray.
    """
    if (yield base) != SUNS:
        raise Astray(f"no SunS at {base}")
    at, places = base + HEAD, dict[int, int]()
    for _ in range(MODELS_MAX):
        identifier, length = yield at
        if identifier == table.end:
            break
        known = table.models.get(identifier)
        if length == 0 or (known is not None and length not in known.lengths):
            raise Astray(f"model {identifier} at {at} has L {length}")
        places.setdefault(identifier, at)
        if {INVERTER, CONTROLS} <= places.keys():
            return places
        at += HEAD + length
        if at + HEAD > 0xFFFF:
            raise Astray(f"model {identifier} ends beyond the last register")
    missing = " and ".join(str(model) for model in (INVERTER, CONTROLS) if model not in places)
    raise Astray(f"base {base}: no model {missing} among {MODELS_MAX} models or before the end of the chain")


class Search:
    """Walks one base after the other, one question at a time; nothing is asked before ``quiet_until_ms``."""

    def __init__(self, table: SunSpecTable, unit: int, bases: Sequence[int]) -> None:
        self._table, self._unit, self._bases = table, unit, bases
        self.quiet_until_ms = 0
        self._begin(0)

    def _begin(self, base: int) -> None:
        self._base = base
        self._walk = walk(self._table, self._bases[base])
        self._at = next(self._walk)
        self._asked: ReadRegisters | None = None
        self._asked_ms = 0

    def poll(self, now_ms: int) -> ReadRegisters | None:
        """The next question, or None while an answer is awaited (never longer than LOST_MS)."""
        if self._asked is not None and now_ms - self._asked_ms < LOST_MS:
            return None
        self._asked, self._asked_ms = ReadRegisters(self._unit, RegisterTable.HOLDING, self._at, HEAD), now_ms
        return self._asked

    def answered(
        self, ask: ReadRegisters, words: Sequence[int] | None, now_ms: int
    ) -> Mapping[int, int] | Defect | None:
        """Where the models stand, once that is known; or what is wrong. ``words`` None: no answer, next base."""
        if ask != self._asked:
            return None
        self._asked, self.quiet_until_ms = None, now_ms + self._table.request_gap_ms
        if words is None or len(words) != HEAD:
            self._next_base(now_ms)
            return None if words is None else Defect(DefectKind.SHORT_REPLY, f"{len(words)} of {HEAD} registers")
        try:
            self._at = self._walk.send((words[0], words[1]))
        except StopIteration as found:
            places: Mapping[int, int] = found.value
            self._begin(0)
            return places
        except Astray as astray:
            self._next_base(now_ms)
            return Defect(DefectKind.GARBAGE, str(astray))
        return None

    def _next_base(self, now_ms: int) -> None:
        base = (self._base + 1) % len(self._bases)
        if base == 0:
            self.quiet_until_ms = now_ms + SEARCH_REST_MS
        self._begin(base)


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
        word = min(_floor(permille, self.power), WORD_MAX)
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
    return int(permille * 10**-power // 10) if power <= 0 else int(permille // 10 ** (power + 1))


# ---- the device ----------------------------------------------------------------------------------------------------
class SunSpecInverter(Quiet):
    """One inverter. ``rating_w`` is the nameplate power that a limit is a share of."""

    def __init__(self, unit: int, bases: Sequence[int], rating_w: int, revert_s: int) -> None:
        self._table = load(STEM)
        self._unit, self._rating_w, self._revert_s = unit, rating_w, revert_s
        self._search = Search(self._table, unit, bases)
        self._poller: Poller | None = None  # None: the search is on
        self._limit: Limit | None = None
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
        heard = () if words is None else model.decode(words)
        samples = {item.name: item.value for item in heard if isinstance(item, Sample)}
        self._failed[group.name] = 0 if samples else self._failed.get(group.name, 0) + 1
        if self._failed[group.name] >= FAILED_READS_MAX or model.is_elsewhere(words or ()):
            self._poller = self._limit = None
            self._search.quiet_until_ms = now_ms + self._table.request_gap_ms
        elif samples and words is not None and self._limit is not None and model.identifier == CONTROLS:
            share = _share(samples)
            power = model.factors.power(words[LIMIT_FACTOR])
            self._limit.see(share, power if isinstance(power, int) else None, asked_ms, now_ms)
            heard += (self._power_limit(share),)
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
        step=rating_w * STEP_PERMILLE,
    )
    points = (point.spec for identifier in (INVERTER, CONTROLS) for point in models[identifier].points.values())
    return Shape((*points, limit), (power_limit,))


def _build(options: Options, entropy: bytes) -> Driver:
    del entropy
    base = str(options["base"])
    bases = load(STEM).bases if base == "auto" else (int(base),)
    return SunSpecInverter(int(options["unit"]), bases, int(options["rating_w"]), int(options["revert_s"]))


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
    ),
    facts={
        "asleep_now": {"any of": ["state is off", "state is sleeping"]},
        "limited_now": "state is throttled",
        "faulted_now": "state is fault",
    },
    source="SunSpec Alliance, information models 1, 103 and 123",
)
