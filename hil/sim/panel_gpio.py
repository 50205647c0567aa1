"""The panel: buttons, stops, key switches and auxiliary contacts on input lines; coils, lamps, a permit on outputs.

Theory of operation (dbc/panel_gpio.yaml says which words there are; sim/panel_words.py reads them):
* An input's switch connects its line to a rail. A closed switch reads the rail, an open one what the line's pull
  gives. A switch is closed while it is actuated (pressed, turned, its contactor closed), an `nc` one while it is not.
* An output is on while its line has the level that energises. As long as nobody drives the line, a resistor of its
  own keeps it off. Coils and their permit relay are in sim/panel_coils.py; the mirror contact that `proof` names
  moves with its coil's contactor.
* A line keeps direction and level when its owner goes away, or falls back to an input with `keeps_level: false`
  (a mainline kernel, or a Raspberry Pi with strict_gpiod).
* `follows DEVICE.N` moves a contact with the true position of contact N of a relay node, as the plant tells it.
Everything that a program does with a line is recorded as a write, with the level before and after; every change of a
level is in the trace, and so is every output that goes on or off.
It must never close a switch that nobody actuates, unless a fault says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import msgspec

from hil.lines import LINES, Level, Pull, Request
from hil.sim.device import NEVER_MS, ControlError, FaultKind, Json, LineDevice, Value, number
from hil.sim.panel_coils import COIL_FAULTS, Coils
from hil.sim.panel_words import TABLE, Input, Output, check, read_inputs, read_outputs

PULLED_UP_AT_BOOT = (*range(9), *range(34, 37), *range(46, 54))  # the others low (BCM2835 ARM Peripherals, 6.2)
PULLED: Mapping[Pull, Level] = {"up": 1, "down": 0, "floating": 0}  # nothing pulls: any is right, one is repeatable


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a house file may say about one panel: "NAME=LINE KIND ..., ..." for each direction."""

    inputs: str = ""
    outputs: str = ""
    keeps_level: bool = True
    permit_ms: int = 1000  # as set on the permit relay
    close_ms: int = 30
    open_ms: int = 20

    def __post_init__(self) -> None:
        check(read_inputs(self.inputs), read_outputs(self.outputs))
        lowest, highest = TABLE["permit"]["range"]
        if not lowest <= self.permit_ms <= highest:
            raise ValueError(f"permit_ms must be {lowest} to {highest}")


POWER_CYCLE = "power_cycle"


class Line(msgspec.Struct):
    """What the computer does with one line."""

    pull: Pull
    output: bool = False
    driven: Level = 0


class Panel(LineDevice):
    """The panel; see the head of this file."""

    fault_kinds = (
        FaultKind("stuck", "this input keeps the level that it has now", {"input": ""}),
        FaultKind("broken_wire", "this input's wire is broken: it shows what its pull gives", {"input": ""}),
        FaultKind("chatter", "this input's level alternates every so many ms", {"input": "", "ms": 20}),
        FaultKind("stuck_output", "this output's line has this level, whatever is written", {"output": "", "level": 1}),
        FaultKind("welded_output", "this output stays on once it is on; its line reads so too", {"output": ""}),
        *COIL_FAULTS,
    )
    settable: ClassVar[Mapping[str, str]] = {"INPUT": "1 presses or turns the input of this name, 0 lets it go"}
    plant_ms = 20  # an auxiliary contact moves with its contactor

    def __init__(self, name: str, options: Options, now_ms: int) -> None:
        super().__init__(name)
        self.options = options
        self._inputs = {part.name: part for part in read_inputs(options.inputs)}
        self._outputs = {part.name: part for part in read_outputs(options.outputs)}
        self._input_at = {part.line: part for part in self._inputs.values()}
        self._output_at = {part.line: part for part in self._outputs.values()}
        self._coils_on = [output for output in self._outputs.values() if output.kind == "coil"]
        self._proofs = {output.proof: index for index, output in enumerate(self._coils_on) if output.proof}
        pulsed = any(output.kind == "pulse" for output in self._outputs.values())
        self.coils = Coils(
            len(self._coils_on),
            options.permit_ms if pulsed else None,
            self.faults,
            self.note,
            options.close_ms,
            options.open_ms,
        )
        self._lines = {line: Line("up" if line in PULLED_UP_AT_BOOT else "down") for line in range(LINES)}
        self._actuated = dict.fromkeys(self._inputs, False)
        self._stuck: dict[str, Level] = {}  # input -> its level when `stuck` began
        self._chatter_ms: dict[str, int] = {}  # input -> when `chatter` began
        self._welded: set[str] = set()  # outputs that were on since `welded_output` began
        self._next_ms = NEVER_MS
        self._levels = {line: self.level(line, now_ms) for line in range(LINES)}
        self._may_move = sorted({*self._input_at, *self._output_at})  # the others need somebody who drives or pulls

    # -- what the computer does --

    def on_line(self, request: Request, now_ms: int) -> None:
        self._touched([request.line])
        line, before = self._lines[request.line], self.level(request.line, now_ms)
        if request.do == "input":
            line.output, line.pull = False, request.pull
        else:
            line.output, line.driven = True, request.level
        self.record_write(
            now_ms,
            line=request.line,
            name=self._name_at(request.line),
            do=request.do,
            **({"pull": request.pull} if request.do == "input" else {"level": request.level}),
            before=before,
            after=self.level(request.line, now_ms),
        )
        self.poll(now_ms)

    def on_owner_gone(self, lines: list[int], now_ms: int) -> None:
        super().on_owner_gone(lines, now_ms)
        self._touched(lines)
        for number_ in [] if self.options.keeps_level else lines:
            self._lines[number_].output, self._lines[number_].pull = False, "floating"
        self.poll(now_ms)

    def _touched(self, lines: list[int]) -> None:
        self._may_move = sorted({*self._may_move, *lines})

    def _name_at(self, line: int) -> str:
        part = self._input_at.get(line) or self._output_at.get(line)
        return part.name if part is not None else ""

    # -- levels --

    def level(self, line: int, now_ms: int) -> Level:
        if (output := self._output_at.get(line)) is not None:
            return self._output_level(output)
        if (wired := self._input_at.get(line)) is not None and not self._lines[line].output:
            return self._input_level(wired, now_ms)
        return self._lines[line].driven if self._lines[line].output else self._pulled(line)

    def _pulled(self, line: int) -> Level:
        """What is read when nothing but the pull is there."""
        return PULLED[self._lines[line].pull]

    def _input_level(self, wired: Input, now_ms: int) -> Level:
        level = wired.closed_level if self._closed(wired, now_ms) else self._pulled(wired.line)
        if not self.faults.any():  # nearly always, and several times as quick
            return level
        if self._fault("stuck", wired.name) is not None:
            return self._stuck[wired.name]
        if self._fault("broken_wire", wired.name) is not None:
            level = self._pulled(wired.line)
        if (chatter := self._fault("chatter", wired.name)) is not None:
            steps = 1 + (now_ms - self._chatter_ms[wired.name]) // int(chatter["ms"])
            return _other(level) if steps % 2 else level
        return level

    def _output_level(self, output: Output) -> Level:
        if (stuck := self._fault("stuck_output", output.name)) is not None:
            return 1 if stuck["level"] else 0
        if output.name in self._welded and self._fault("welded_output", output.name) is not None:
            return output.on_level
        line = self._lines[output.line]
        return line.driven if line.output else output.off_level

    def _closed(self, wired: Input, now_ms: int) -> bool:
        """Whether the switch connects its line to its rail."""
        if (coil := self._proofs.get(wired.name)) is not None:
            return self.coils.proven_open(coil, now_ms)
        return self._actuated[wired.name] != wired.normally_closed

    def _on(self, output: Output) -> bool:
        return self._output_level(output) == output.on_level

    def _fault(self, name: str, of: str) -> dict[str, Value] | None:
        """The newest fault of this kind on one input or output."""
        if not self.faults.any():
            return None
        found = [params for params in self.faults.all(name) if of in (params.get("input"), params.get("output"))]
        return found[-1] if found else None

    # -- time --

    def poll(self, now_ms: int) -> None:
        """Let the coils do what is due, see what has changed since the last look, and when the next thing will."""
        broken = self.faults.any()
        self._welded = {output.name for output in self._outputs.values() if self._welds(output)} if broken else set()
        for output in self._outputs.values():
            self._look(output.line, now_ms)
        self.coils.step(sum(self._on(coil) << index for index, coil in enumerate(self._coils_on)), now_ms)
        for line in self._may_move:
            self._look(line, now_ms)
        self._next_ms = self.coils.next_ms(now_ms)
        for params in self.faults.all("chatter") if broken else ():
            since_ms, period_ms = self._chatter_ms[str(params["input"])], int(params["ms"])
            self._next_ms = min(self._next_ms, now_ms + period_ms - (now_ms - since_ms) % period_ms)

    def _look(self, line: int, now_ms: int) -> None:
        """Account for a line that has another level than before."""
        if (level := self.level(line, now_ms)) == self._levels[line]:
            return
        self._levels[line] = level
        self.note(now_ms, "level", line=line, name=self._name_at(line), level=level)
        if (output := self._output_at.get(line)) is not None:
            self.note(now_ms, "output", name=output.name, on=self._on(output))
            if output.kind == "pulse":
                self.coils.pulse(level, now_ms)

    def next_ms(self) -> int:
        return self._next_ms

    def _welds(self, output: Output) -> bool:
        return self._fault("welded_output", output.name) is not None and self._on(output)

    # -- surroundings and control --

    def to_plant(self, now_ms: int) -> Json:  # noqa: ARG002
        return {"kind": "panel", "contacts": self.coils.closed()}

    def from_plant(self, view: Json, now_ms: int) -> None:
        nodes = view.get("contacts")
        for wired in self._inputs.values():
            contacts = nodes.get(wired.follows[0]) if wired.follows and isinstance(nodes, dict) else None
            if wired.follows and isinstance(contacts, list):
                self._actuated[wired.name] = contacts[wired.follows[1] - 1 : wired.follows[1]] == [True]
        self.poll(now_ms)

    def settings(self) -> Mapping[str, str]:
        return {POWER_CYCLE: "any value: the computer is off and on again, and drives nothing"} | {
            wired.name: f"1 actuates this {wired.kind}, 0 lets it go"
            for wired in self._inputs.values()
            if wired.follows is None and wired.name not in self._proofs
        }

    def set_physical(self, name: str, value: object, now_ms: int) -> None:
        if name == POWER_CYCLE:
            self._lines = {line: Line(at.pull) for line, at in self._lines.items()}
            self.poll(now_ms)
            return
        if (wanted := number(int(value) if isinstance(value, bool) else value, name, 0, 1)) not in (0, 1):
            raise ControlError(f"{name} must be 0 or 1, not {value}")
        self._actuated[name] = bool(wanted)
        self.poll(now_ms)

    def on_fault(self, name: str, params: dict[str, Value], now_ms: int) -> None:
        for key, known in (("input", list(self._inputs)), ("output", list(self._outputs))):
            if key in params and params[key] not in known:
                raise ControlError(f"fault {name}: no {key} {params[key]!r}; there are {', '.join(known) or 'none'}")
        if name in ("chatter", "stuck_output") and (
            int(params.get("ms", 1)) < 1 or params.get("level", 0) not in (0, 1)
        ):
            raise ControlError(f"fault {name}: ms must be 1 or more, and a level is 0 or 1")
        self.coils.check(name, params, now_ms)
        if name == "stuck":
            self._stuck[str(params["input"])] = self._levels[self._inputs[str(params["input"])].line]
        if name == "chatter":
            self._chatter_ms[str(params["input"])] = now_ms
        self.poll(now_ms)

    def state(self, now_ms: int) -> Json:
        inputs = {
            wired.name: {
                "line": wired.line,
                "closed": self._closed(wired, now_ms),
                "level": self.level(wired.line, now_ms),
            }
            for wired in self._inputs.values()
        }
        outputs = {
            output.name: {
                "line": output.line,
                "driven": self._lines[output.line].output,
                "level": self.level(output.line, now_ms),
                "on": self._on(output),
            }
            for output in self._outputs.values()
        }
        return {"inputs": inputs, "outputs": outputs, "coils": self.coils.state(now_ms)}


def _other(level: Level) -> Level:
    return 0 if level else 1


def make(name: str, options: Options, now_ms: int) -> Panel:
    """The device that a house file describes."""
    return Panel(name, options, now_ms)
