"""A low-voltage battery with a Pylontech CAN BMS: two generations of alarms, a cycle of one second.

Sources: Pylontech low-voltage CAN V1.2 (2018-04-08) for 0x351 to 0x35E; SMA FSS-ConnectingBat-TI-en-10 for 0x35A,
0x35F and the marks of "not available"; dbc/pylontech_can.dbc for the bytes.
Rules: positive current charges the pack, on the wire and in here. At full the charge limit is zero and at empty the
discharge limit, as with the real thing, where neither is a fault. The pack obeys nobody: it offers limits. Its cells,
and how it takes its limits back near the ends and in the cold, stand in hil/cell.py and hil/sim/pack.py.
It must never depend on the inverter's 0x305: several inverters do not send it. It only records what arrives.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import msgspec

from hil.can_frame import Frame
from hil.sim.can_table import CAN_FAULTS, broken_frame, broken_signals, check_signal, load
from hil.sim.device import CanDevice, ControlError, FaultKind, Json, Value, after, number
from hil.sim.pack import Pack

CYCLE_MS = 1000
FOREIGN_IDS = (0x00F, 0x305, 0x306, 0x307)  # what inverters send to a BMS; the identifiers of a BMS are foreign too
TABLE = load("pylontech_can.dbc")
HEARD_IDS = frozenset({*FOREIGN_IDS, *(message.can_id for message in TABLE.values())})

PROTECTION_BITS = {  # name -> (byte of 0x359, bit); protections are bytes 0 and 1, their warnings bytes 2 and 3
    "high_voltage": (0, 1),
    "low_voltage": (0, 2),
    "high_temperature": (0, 3),
    "low_temperature": (0, 4),
    "high_current": (0, 7),
    "high_charge_current": (1, 0),
    "bms_internal": (1, 3),
    "cell_imbalance": (1, 4),
}
ALARM_PAIRS = (  # the order of the two-bit messages of 0x35A, from bit 0
    "general",
    "high_voltage",
    "low_voltage",
    "high_temperature",
    "low_temperature",
    "high_temp_charge",
    "low_temp_charge",
    "high_current",
    "high_charge_current",
    "contactor",
    "short_circuit",
    "bms_internal",
    "cell_imbalance",
)
RAISED, CLEARED = 1, 2


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a house file may say about one battery."""

    generation: Literal["old", "new"] = "old"
    limits_bytes: Literal[6, 8] = 8  # Pylontech documents 6; newer packs add the discharge voltage limit
    modules: int = 6
    cells: int = 15  # in series
    capacity_ah: float = 300.0
    soc: float = 55.0
    soh: float = 98.0
    temperature: float = 24.0
    charge_limit: float = 150.0
    discharge_limit: float = 150.0
    charge_voltage: float = 53.2
    discharge_voltage: float = 45.0
    current: float = 0.0
    voltage: float | None = None  # None: that of the cells

    def __post_init__(self) -> None:
        if not 1 <= self.cells <= 200 or self.capacity_ah <= 0:
            raise ValueError("cells must be 1 to 200, and capacity_ah more than 0")
        if not 0 <= self.soc <= 100:
            raise ValueError("soc must be 0 to 100 %")


class PylontechBattery(CanDevice):
    """The management on its bus; the current is the plant's, and everything else that is stored is in the pack."""

    fault_kinds = (
        *CAN_FAULTS,
        FaultKind("drop", "leaves one identifier out of its cycle", {"id": 0x351}),
        FaultKind("decivolt", "sends the voltage of 0x356 in 0.1 V, as some makers do"),
    )
    settable: ClassVar[Mapping[str, str]] = {
        "soc": "%",
        "temperature": "degC",
        "charge_limit": "A",
        "discharge_limit": "A",
        "current": "A, positive charges; the plant overwrites it",
        "voltage": "V, whatever the cells have; 'cells' ends that",
        "charge_voltage": "V",
        "discharge_voltage": "V",
        "alarm": "name of an alarm to raise",
        "warning": "name of a warning to raise",
        "clear_alarm": "name of an alarm and warning to end",
    }

    def __init__(self, name: str, options: Options, now_ms: int) -> None:
        super().__init__(name)
        self.options = options
        self.values: dict[str, float] = {
            key: getattr(options, key)
            for key in (
                "soh",
                "temperature",
                "charge_limit",
                "discharge_limit",
                "charge_voltage",
                "discharge_voltage",
                "current",
            )
        }
        self.pack = Pack(options.cells, options.capacity_ah, options.soc)
        self.fixed_voltage = options.voltage
        self.alarms: dict[str, int] = {}  # name -> RAISED or CLEARED; absent means never heard of
        self.warnings: dict[str, int] = {}
        self._integrated_ms, self._cycle_ms = now_ms, now_ms
        self._frozen: list[Frame] | None = None

    # -- physics --

    def voltage(self) -> float:
        """V at the terminals."""
        return self.pack.volt(self.values["current"]) if self.fixed_voltage is None else self.fixed_voltage

    def limits(self) -> tuple[float, float]:
        """A charge and discharge that are offered now: none when the pack protects itself."""
        raised = {name for name, code in self.alarms.items() if code == RAISED}
        celsius, limit_v = self.values["temperature"], self.values["charge_voltage"]
        charge = self.pack.charge_limit(self.values["charge_limit"], limit_v, celsius)
        discharge = self.pack.discharge_limit(self.values["discharge_limit"], celsius)
        if raised - {"low_voltage"}:
            charge = 0.0
        if raised - {"high_voltage", "low_temp_charge", "high_temp_charge"}:
            discharge = 0.0
        return charge, discharge

    def _integrate(self, now_ms: int) -> None:
        self.pack.cell.step(self.values["current"], (now_ms - self._integrated_ms) / 1000)
        self._integrated_ms = now_ms
        self.pack.judge(self.values["charge_limit"], self.values["charge_voltage"])

    def to_plant(self, now_ms: int) -> Json:
        self._integrate(now_ms)
        charge, discharge = self.limits()
        return {"kind": "battery", "charge_a": charge, "discharge_a": discharge, "voltage_v": self.voltage()}

    def from_plant(self, view: Json, now_ms: int) -> None:
        self._integrate(now_ms)
        self.values["current"] = number(view.get("current_a"), "current_a", -1200, 1200)

    # -- wire --

    def on_frame(self, frame: Frame, now_ms: int) -> list[Frame]:
        if frame.can_id in HEARD_IDS:
            self.record_write(now_ms, id=frame.can_id, data=frame.data.hex(), extended=frame.extended)
        return []

    def next_ms(self) -> int:
        return self._cycle_ms

    def poll(self, now_ms: int) -> list[Frame]:
        self._integrate(now_ms)
        if now_ms < self._cycle_ms:
            return []
        self._cycle_ms = after(self._cycle_ms, CYCLE_MS, now_ms)
        if not self.faults.has("frozen"):
            self._frozen = None
        frames = self._frozen or self.frames()
        if not self.faults.any():
            return frames
        left_out = {params["id"] for params in self.faults.all("drop")}
        if self.faults.has("silent"):
            return []
        return [broken_frame(frame, self.faults) for frame in frames if frame.can_id not in left_out]

    def on_fault(self, name: str, params: dict[str, Value], now_ms: int) -> None:  # noqa: ARG002
        check_signal(TABLE, name, params)
        if name == "frozen":
            self._frozen = self.frames()

    def frames(self) -> list[Frame]:
        """One cycle, in the order of the identifiers, as this generation sends it."""
        old = self.options.generation == "old"
        frames = [
            self._frame("BMS_LIMITS", self.options.limits_bytes, self._limits_raw()),
            self._frame(
                "BMS_STATE",
                4 if old else 6,
                {"StateOfCharge": round(self.pack.soc), "StateOfHealth": round(self.values["soh"])},
            ),
            self._frame("BMS_MEASUREMENT", 6, self._measurement_raw()),
        ]
        frames += [self._old_alarms(), self._requests()] if old else [self._new_alarms()]
        frames.append(self._frame("BMS_MAKER", 8, {"Maker": int.from_bytes(b"PYLON   ", "little")}))
        return (
            frames
            if old
            else [
                *frames,
                self._frame(
                    "BMS_IDENTITY",
                    8,
                    {
                        "BatteryType": 0x494C,
                        "FirmwareVersion": 0x0301,
                        "InstalledCapacity": round(self.options.capacity_ah),
                        "ManufacturerId": 0x00AA,
                    },
                ),
            ]
        )

    def _frame(self, message_name: str, length: int, raw: dict[str, int]) -> Frame:
        message = TABLE[message_name]
        return Frame(message.can_id, message.pack(broken_signals(message, raw, self.faults))[:length])

    def _limits_raw(self) -> dict[str, int]:
        charge, discharge = self.limits()
        return TABLE["BMS_LIMITS"].raw(
            ChargeVoltageLimit=self.pack.voltage_limit(self.values["charge_voltage"]),
            ChargeCurrentLimit=charge,
            DischargeCurrentLimit=discharge,
            DischargeVoltageLimit=self.values["discharge_voltage"],
        )

    def _measurement_raw(self) -> dict[str, int]:
        scale = 0.1 if self.faults.has("decivolt") else 1.0
        return TABLE["BMS_MEASUREMENT"].raw(
            PackVoltage=self.voltage() * scale,
            PackCurrent=self.values["current"],
            Temperature=self.values["temperature"],
        )

    def _old_alarms(self) -> Frame:
        packed = [0, 0, 0, 0]
        for active, first in ((self.alarms, 0), (self.warnings, 2)):
            for name, code in active.items():
                if code == RAISED and name in PROTECTION_BITS:
                    byte, bit = PROTECTION_BITS[name]
                    packed[first + byte] |= 1 << bit
        names = ("ProtectionDischarge", "ProtectionCharge", "WarningDischarge", "WarningCharge")
        raw = dict(zip(names, packed, strict=True))
        return self._frame(
            "BMS_PROTECTION",
            7,
            {**raw, "ModuleCount": self.options.modules, "MakerMark": int.from_bytes(b"PN", "little")},
        )

    def _new_alarms(self) -> Frame:
        def word(active: dict[str, int]) -> int:
            return sum(code << 2 * ALARM_PAIRS.index(name) for name, code in active.items())

        return self._frame("BMS_ALARMS", 8, {"Alarms": word(self.alarms), "Warnings": word(self.warnings)})

    def _requests(self) -> Frame:
        charge, discharge = self.limits()
        soc = self.pack.soc
        return self._frame(
            "BMS_REQUEST",
            2,
            {  # force charge: II below 10 %, I below 6 % (Pylontech V1.2)
                "ChargeEnable": int(charge > 0),
                "DischargeEnable": int(discharge > 0),
                "ForceChargeOne": int(soc < 6.0),
                "ForceChargeTwo": int(soc < 10.0),
            },
        )

    # -- control --

    def set_physical(self, name: str, value: object, now_ms: int) -> None:
        self._integrate(now_ms)
        if name in ("alarm", "warning", "clear_alarm"):
            self._set_alarm(name, str(value))
        elif name == "voltage":
            self.fixed_voltage = None if value == "cells" else number(value, name, 0, 1000)
        elif name == "soc":
            self.pack.set_soc(number(value, name, 0, 100))
        else:
            self.values[name] = number(value, name, -1200, 1200)
        self._integrate(now_ms)

    def _set_alarm(self, what: str, name: str) -> None:
        if name not in ALARM_PAIRS:
            raise ControlError(f"no alarm {name!r}: a BMS knows {', '.join(ALARM_PAIRS)}")
        if what != "clear_alarm":
            (self.alarms if what == "alarm" else self.warnings)[name] = RAISED
            return
        for active in (self.alarms, self.warnings):
            if name in active:
                active[name] = CLEARED

    def state(self, now_ms: int) -> Json:
        self._integrate(now_ms)
        charge, discharge = self.limits()
        cell, cells = self.pack.cell, self.options.cells
        return {
            "soc": self.pack.soc,
            **self.values,
            "voltage": self.voltage(),
            "charge_offered": charge,
            "discharge_offered": discharge,
            "charge_voltage_offered": self.pack.voltage_limit(self.values["charge_voltage"]),
            "full": self.pack.full,
            "empty": self.pack.empty,
            "cell_v": cell.volt(self.values["current"]),
            "hysteresis_mv": 1000 * cell.hysteresis_v,
            "charged_ah": cell.charged_ah,
            "discharged_ah": cell.discharged_ah,
            "charged_wh": cells * cell.charged_wh,
            "discharged_wh": cells * cell.discharged_wh,
            "loss_wh": cells * cell.loss_wh,
            "alarms": sorted(name for name, code in self.alarms.items() if code == RAISED),
            "warnings": sorted(name for name, code in self.warnings.items() if code == RAISED),
        }


def make(name: str, options: Options, now_ms: int) -> PylontechBattery:
    """The device that a house file describes."""
    return PylontechBattery(name, options, now_ms)
