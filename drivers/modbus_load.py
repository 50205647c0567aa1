"""Loading dbc/<stem>.yaml into a :class:`ModbusTable`.

Rules
* The table is checked once, at load, and completely: an unknown key, a register outside its group or a factor that
  would need rounding raises :class:`TableError`, which names the table and the entry.
* What a table does not say has no default that could look healthy: only ``factor`` (1), ``codes`` (none), ``absent``
  (no such code), ``optional``, ``core`` and ``flickers`` (false) may be left out, and ``range`` where codes or bits
  bound the value.

This file must never look at what a device says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any, TypeVar

import yaml

from drivers.contract import RegisterTable, SignalSpec, WriteCost
from drivers.modbus_table import Group, ModbusTable, Register, RegisterType, WritePlace
from drivers.units import SafeLoader, TableError, duration_ms, exactly, scale_of
from supervisor.kernel.signal import Unit

READ_MAX = 125
"""Registers in one answer (Modbus application protocol V1.1b3, section 6.3)."""

_REQUIRED: Any = object()
_T = TypeVar("_T")


class _NoKeyTwice(SafeLoader):  # type: ignore[misc]  # which of the two is known at run time
    """YAML lets a later key replace an earlier one without a word; in a table that is a lost register."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value]
        for name in names:
            if names.count(name) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"{name!r} stands here twice", node.start_mark)
        found: dict[Any, Any] = super().construct_mapping(node, deep)
        return found


class _Entry:
    """One mapping of the document, with its place for errors. Every key must be taken; ``end`` refuses the rest."""

    def __init__(self, raw: object, where: str) -> None:
        if not isinstance(raw, dict):
            raise TableError(f"{where}: is not a mapping")
        self.where = where
        self._left: dict[str, Any] = dict(raw)

    def has(self, key: str) -> bool:
        return key in self._left

    def take(self, key: str, default: Any = _REQUIRED) -> Any:
        if key not in self._left and default is _REQUIRED:
            raise TableError(f"{self.where}: {key} is missing")
        return self._left.pop(key, default)

    def text(self, key: str) -> str:
        value = self.take(key)
        if not isinstance(value, str):
            raise TableError(f"{self.where}: {key} is not text: {value!r}")
        return value

    def whole(self, key: str, lo: int, hi: int) -> int:
        value = self.take(key)
        if type(value) is not int or not lo <= value <= hi:
            raise TableError(f"{self.where}: {key} is no whole number from {lo} to {hi}: {value!r}")
        return value

    def flag(self, key: str) -> bool:
        value = self.take(key, False)
        if not isinstance(value, bool):
            raise TableError(f"{self.where}: {key} is neither true nor false: {value!r}")
        return value

    def one_of(self, key: str, choices: Mapping[str, _T]) -> _T:
        value = self.text(key)
        if value not in choices:
            raise TableError(f"{self.where}: {key} {value!r} is none of {', '.join(choices)}")
        return choices[value]

    def entries(self, key: str) -> Iterator[_Entry]:
        parts = self.take(key)
        if not isinstance(parts, list):
            raise TableError(f"{self.where}: {key} is not a list")
        for position, raw in enumerate(parts):
            yield _Entry(raw, f"{self.where}: {key}[{position}]")

    def named(self, key: str, optional: bool = False) -> Iterator[tuple[str, _Entry]]:
        parts = self.take(key, {}) if optional else self.take(key)
        if not isinstance(parts, dict):
            raise TableError(f"{self.where}: {key} is not a mapping")
        for name, raw in parts.items():
            yield name, _Entry(raw, f"{self.where}: {name}")

    def end(self) -> None:
        if self._left:
            raise TableError(f"{self.where}: unknown {', '.join(map(str, self._left))}")


@lru_cache
def load(stem: str) -> ModbusTable:
    """The table dbc/<stem>.yaml. Raises TableError."""
    return parse(files("dbc").joinpath(f"{stem}.yaml").read_text(encoding="utf-8"), f"dbc/{stem}.yaml")


def parse(text: str, where: str) -> ModbusTable:
    """A table from its text. ``where`` names it in errors. Raises TableError."""
    try:
        top = _Entry(yaml.load(text, _NoKeyTwice), where)  # a safe loader: it derives from SafeLoader
    except yaml.YAMLError as error:
        raise TableError(f"{where}: not YAML: {error}") from None
    read_max = min(top.whole("max_registers", 1, READ_MAX), READ_MAX)
    listed = [_group(entry, read_max) for entry in top.entries("groups")]
    groups = {group.name: group for group in listed}
    if len(groups) != len(listed):
        raise TableError(f"{where}: two groups have the same name")
    table = ModbusTable(
        title=top.text("title"),
        high_first=top.one_of("word_order", {"high_first": True, "low_first": False}),
        default_unit=top.whole("default_unit", 1, 247),
        request_gap_ms=duration_ms(top.take("request_gap"), f"{where}: request_gap"),
        timeout_ms=duration_ms(top.take("timeout"), f"{where}: timeout"),
        groups=tuple(groups.values()),
        registers=tuple(_register(name, entry, groups) for name, entry in top.named("registers")),
        writes={name: _write(name, entry) for name, entry in top.named("writes", optional=True)},
    )
    top.end()
    return table


def _group(entry: _Entry, read_max: int) -> Group:
    group = Group(
        name=entry.text("name"),
        table=entry.one_of("table", {"input": RegisterTable.INPUT, "holding": RegisterTable.HOLDING}),
        address=entry.whole("address", 0, 0xFFFF),
        count=entry.whole("count", 1, read_max),
        period_ms=duration_ms(entry.take("period"), entry.where),
        max_age_ms=duration_ms(entry.take("max_age"), entry.where),
    )
    entry.end()
    if group.max_age_ms < 2 * group.period_ms:
        raise TableError(f"{entry.where}: one lost answer must not make values too old: max_age is below two periods")
    return group


def _register(name: str, entry: _Entry, groups: Mapping[str, Group]) -> Register:
    group = entry.one_of("group", groups)
    kind = entry.one_of("type", {kind.name.lower(): kind for kind in RegisterType})
    unit, scale = scale_of(entry.text("unit"), entry.where)
    address, codes = entry.whole("address", 0, 0xFFFF), _codes(entry)
    if not group.address <= address <= group.address + group.count - kind.words:
        raise TableError(f"{entry.where}: lies outside its group {group.name}")
    lo, hi = _range(entry, unit, scale, kind, codes)
    spec = SignalSpec(
        name, unit, lo, hi, group.max_age_ms, optional=entry.flag("optional"), core=entry.flag("core"), codes=codes
    )
    step = exactly(entry.take("factor", 1), scale, f"{entry.where}: factor")
    absent = entry.whole("absent", *kind.whole_range) if entry.has("absent") else None
    if codes and kind is RegisterType.FLOAT32:
        raise TableError(f"{entry.where}: codes of a float")
    flickers = entry.flag("flickers")
    if flickers and kind is not RegisterType.FLOAT32:
        raise TableError(f"{entry.where}: flickers, but an integer stands still in a quiet house; only a float32 may")
    entry.end()
    return Register(spec, group, address, kind, step, absent, flickers)


def _range(entry: _Entry, unit: Unit, scale: int, kind: RegisterType, codes: Mapping[int, str]) -> tuple[int, int]:
    """``lo`` and ``hi`` in kernel units: from ``range``, the codes, or for bit fields all that the type can hold."""
    if codes:
        return min(codes), max(codes)
    if unit is Unit.CODE and not entry.has("range") and kind is not RegisterType.FLOAT32:
        return kind.whole_range
    bounds = entry.take("range")
    if not isinstance(bounds, list) or len(bounds) != 2:
        raise TableError(f"{entry.where}: range is not [lowest, highest]")
    lo, hi = (exactly(bound, scale, f"{entry.where}: range") for bound in bounds)
    if lo >= hi:
        raise TableError(f"{entry.where}: range is empty")
    return lo, hi


def _codes(entry: _Entry) -> Mapping[int, str]:
    codes = entry.take("codes", {})
    if not isinstance(codes, dict) or not all(type(code) is int and isinstance(codes[code], str) for code in codes):
        raise TableError(f"{entry.where}: codes are not numbers with names (quote the names on and off)")
    return codes


def _write(name: str, entry: _Entry) -> WritePlace:
    bounds = entry.take("range")
    if not isinstance(bounds, list) or [type(bound) for bound in bounds] != [int, int]:
        raise TableError(f"{entry.where}: range is not [lowest, highest] in raw numbers")
    cost = entry.one_of("cost", {cost.value: cost for cost in WriteCost})
    place = WritePlace(name, entry.whole("address", 0, 0xFFFF), cost, bounds[0], bounds[1])
    entry.end()
    return place
