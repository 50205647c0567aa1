"""SunSpec information models as a table: dbc/<stem>.yaml, checked, and what a model's registers mean.

Rules
* A value is raw * 10^SF. The scale factor stands in the same model, may change at any time, and is taken from the same
  answer as its value; a table that only knows constant factors (modbus_table.py) cannot say that.
* Integers only. What is no whole kernel unit is rounded away from zero: a current, a power or a limit in force is never
  shown smaller than it is, and never by a whole mA, mW or permille larger.
* What is no measurement becomes a Sample without a value and of quality INVALID, together with the Defect that says
  why: "not implemented", outside ``range``, a code without a name, a scale factor that is none.
* The table is checked once, at load: what is missing, unknown or outside its model raises :class:`TableError`.

This file must never know where in a device a model stands, send anything or know what time it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

import yaml

from drivers.contract import Defect, DefectKind, Heard, Sample, SignalSpec
from drivers.modbus_table import RegisterType
from drivers.units import SafeLoader, TableError, duration_ms, exactly, scale_of
from supervisor.kernel.signal import Quality, Unit

HEAD = 2
"""A model opens with its identifier and its length L, which does not count these two registers."""
TYPES = {"i16": RegisterType.I16, "u16": RegisterType.U16, "enum16": RegisterType.U16, "acc32": RegisterType.U32}
_GLOBALS = {
    "title", "bases", "end", "default_unit", "request_gap", "timeout", "not_implemented", "scale_factor", "models",
}  # fmt: skip
_POINT = {"offset", "type", "sf", "unit", "range", "optional", "core", "codes"}


@dataclass(frozen=True)
class Point:
    """One value of a model. ``scale``: kernel units per table unit. ``factor``: offset of its scale factor, if any."""

    spec: SignalSpec
    offset: int
    type: RegisterType
    absent: int
    scale: int
    factor: int | None

    def heard(self, words: Sequence[int], factors: ScaleFactors) -> tuple[Heard, ...]:
        """What the words of the whole model say about this point, in the unit of ``spec``."""
        raw = _unsigned(words[self.offset : self.offset + self.type.words])
        if raw == self.absent:
            return self._nothing(DefectKind.NOT_AVAILABLE, f"{raw:#x}")
        power = 0 if self.factor is None else factors.power(words[self.factor])
        if isinstance(power, DefectKind):
            return self._nothing(power, f"scale factor {words[self.factor or 0]:#x}")
        value = scaled(_signed(raw, self.type), self.scale, power)
        if self.spec.codes and value not in self.spec.codes:
            return self._nothing(DefectKind.ENUM, str(raw))
        if not self.spec.lo <= value <= self.spec.hi:
            return self._nothing(DefectKind.RANGE, f"{raw} with scale factor {power}")
        return (Sample(self.spec.name, value),)

    def _nothing(self, kind: DefectKind, why: str) -> tuple[Heard, ...]:
        return Defect(kind, f"{self.spec.name}: {why}"), Sample(self.spec.name, None, Quality.INVALID)


@dataclass(frozen=True)
class ScaleFactors:
    """Which scale factors there are: from ``lo`` to ``hi``, and the register that says "not implemented"."""

    lo: int
    hi: int
    absent: int

    def power(self, word: int) -> int | DefectKind:
        """The power of ten that this register says, or what is wrong with it."""
        if word == self.absent:
            return DefectKind.NOT_AVAILABLE
        power = _signed(word, RegisterType.I16)
        return power if self.lo <= power <= self.hi else DefectKind.RANGE


@dataclass(frozen=True)
class Model:
    """One information model. Without points (the common model) it is only passed by; its two times are 0 then."""

    identifier: int
    lengths: tuple[int, ...]
    factors: ScaleFactors
    points: Mapping[str, Point]
    period_ms: int = 0
    max_age_ms: int = 0

    @property
    def count(self) -> int:
        """Registers of the whole model, as many as its shortest form has: a read never leaves the model."""
        return HEAD + min(self.lengths)

    def is_elsewhere(self, words: Sequence[int]) -> bool:
        """Do these words open as another model does?"""
        return len(words) >= HEAD and (words[0] != self.identifier or words[1] not in self.lengths)

    def decode(self, words: Sequence[int]) -> tuple[Heard, ...]:
        """All points, from an answer that must have its whole length and open as this model does."""
        if len(words) != self.count:
            return (Defect(DefectKind.SHORT_REPLY, f"model {self.identifier}: {len(words)} of {self.count} registers"),)
        if min(words) < 0 or max(words) > 0xFFFF:
            return (Defect(DefectKind.GARBAGE, f"model {self.identifier}: a word that is no 16-bit number"),)
        if self.is_elsewhere(words):
            return (Defect(DefectKind.GARBAGE, f"model {self.identifier}: {words[0]}, L {words[1]} in its place"),)
        return tuple(item for point in self.points.values() for item in point.heard(words, self.factors))


@dataclass(frozen=True)
class SunSpecTable:
    """A whole table. ``limit``: offset and number of the registers of one write to model 123."""

    title: str
    bases: tuple[int, ...]
    end: int
    request_gap_ms: int
    timeout_ms: int
    models: Mapping[int, Model]
    limit: tuple[int, int]


def scaled(raw: int, scale: int, power: int) -> int:
    """raw * scale * 10^power, rounded away from zero."""
    if power >= 0:
        return int(raw * scale * 10**power)
    size = -(-abs(raw) * scale // 10**-power)
    return int(size if raw >= 0 else -size)


def _unsigned(words: Sequence[int]) -> int:
    number = 0
    for word in words:  # high word first
        number = number << 16 | word
    return number


def _signed(raw: int, kind: RegisterType) -> int:
    lo, hi = kind.whole_range
    return raw if raw <= hi else raw + 2 * lo


# ---- loading ------------------------------------------------------------------------------------------------------
@lru_cache
def load(stem: str) -> SunSpecTable:
    """The table dbc/<stem>.yaml. Raises TableError."""
    return parse(files("dbc").joinpath(f"{stem}.yaml").read_text(encoding="utf-8"), f"dbc/{stem}.yaml")


def parse(text: str, where: str) -> SunSpecTable:
    """A table from its text. ``where`` names it in errors. Raises TableError."""
    try:
        raw = _known(yaml.load(text, SafeLoader), _GLOBALS, where)
        models = {identifier: _model(identifier, entry, raw, where) for identifier, entry in raw["models"].items()}
        limit = raw["models"][123]["writes"]["limit"]
        return SunSpecTable(
            title=raw["title"],
            bases=tuple(raw["bases"]),
            end=raw["end"],
            request_gap_ms=duration_ms(raw["request_gap"], where),
            timeout_ms=duration_ms(raw["timeout"], where),
            models=models,
            limit=(limit["offset"], limit["count"]),
        )
    except yaml.YAMLError as error:
        raise TableError(f"{where}: not YAML: {error}") from None
    except (KeyError, TypeError, AttributeError) as error:
        raise TableError(f"{where}: something is missing or has the wrong form: {error!r}") from None


def _known(raw: Any, keys: set[str], where: str) -> Mapping[str, Any]:
    if not isinstance(raw, dict) or raw.keys() - keys:
        raise TableError(f"{where}: is no mapping of {', '.join(sorted(keys))}")
    return raw


def _model(identifier: int, raw: Any, top: Mapping[str, Any], where: str) -> Model:
    where = f"{where}: model {identifier}"
    raw = _known(raw, {"length", "period", "max_age", "points", "writes"}, where)
    absent, bounds = top["not_implemented"], top["scale_factor"]
    factors = ScaleFactors(bounds[0], bounds[1], absent["sf"])
    lengths = tuple(raw["length"])
    if "max_age" not in raw:  # only names and serial numbers, which are no readings
        return Model(identifier, lengths, factors, {})
    period_ms, max_age_ms = duration_ms(raw["period"], where), duration_ms(raw["max_age"], where)
    if max_age_ms < 2 * period_ms:
        raise TableError(f"{where}: one lost answer must not make values too old: max_age is below two periods")
    points = {
        name: _point(name, _known(entry, _POINT, f"{where}: {name}"), absent, max_age_ms, f"{where}: {name}")
        for name, entry in raw["points"].items()
    }
    model = Model(identifier, lengths, factors, points, period_ms, max_age_ms)
    for name, point in points.items():
        if not HEAD <= point.offset <= model.count - point.type.words or (point.factor or 0) >= model.count:
            raise TableError(f"{where}: {name} lies outside its model")
    return model


def _point(name: str, raw: Mapping[str, Any], absent: Mapping[str, int], max_age_ms: int, where: str) -> Point:
    unit, scale = scale_of(raw["unit"], where)
    codes: Mapping[int, str] = raw.get("codes", {})
    if (unit is Unit.CODE) != bool(codes):
        raise TableError(f"{where}: a code needs names, and nothing else has them")
    bounds = (min(codes), max(codes)) if codes else tuple(exactly(bound, scale, where) for bound in raw["range"])
    optional, core = raw.get("optional", False), raw.get("core", False)
    spec = SignalSpec(name, unit, bounds[0], bounds[1], max_age_ms, optional=optional, core=core, codes=codes)
    return Point(spec, raw["offset"], TYPES[raw["type"]], absent[raw["type"]], scale, raw.get("sf"))
