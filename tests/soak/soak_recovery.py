"""The recovery phase: everything is mended, nobody asks for anything, and the house has to get well by itself.

What needs a person is done as a person would: a button that holds something is pressed again, the reset is pressed
(once more when every cause has been gone for the `clear` time of the documents, 20 s with the soak's edits), and what
somebody has stopped is asked for again, since a stop holds until the next grant (README.md). The house of UC001 has no
reset; README.md says what its owner does with a latch: stop it and move the state file away.
Then no machine may be stuck, every device must be seen, and a wish that is permitted must reach the car: on the wire.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from hil.bench.virtual import VirtualBench
from hil.scenario.model import Facts, Wish
from hil.unix_socket import RigError
from tests.soak.soak_houses import Yard
from tests.soak.soak_safety import Violation
from tests.soak.soak_states import by_machine, held_by_hand
from tests.soak.soak_trouble import Struck

RESETS_MS = (14_000, 26_000)  # after everything was mended; the longest `clear` of a latch is 20 s (island_voltage)
HAND_MS = 3_000
AGAIN_MS = (4_000, 29_000)  # what was stopped is asked for: now, and when the house is normal again (in: [normal])
WISH_MS = 52_000  # after the longest lease (30 s); a changeover that is asked for again has 23 s, and needs 19 s
RECOVERY_MS = 70_000
GRANTED_MS = RECOVERY_MS - WISH_MS  # policies: hold 5 s, ramp 2 A/s to 6 A, and a car that follows in 5 s
WISH_A, SEEN_A = 10, 5.5
PRESS_MS = 500
FINE = {  # kind of machine -> states that it may rest in for ever
    "house": ("normal", "orchestrator_lost"),  # the optimiser is silent by now, which is no fault of the house
    "changeover": ("resting",),
    "contactor": ("open", "closed"),
    "charger": ("ready", "charging"),
    "battery": ("ready",),
    "inverter": ("ready", "limited", "asleep"),
    "meter": ("ready",),
    "presence": ("present",),
}
LATCHED = ("welded", "failed_open", "locked_out")
RESTS = (
    *(
        ("battery", name, value)
        for name, value in (("charge_limit", 150), ("discharge_limit", 150), ("temperature", 24))
    ),
    ("battery", "clear_alarm", "high_current"),
    *(
        ("wallbox", name, value)
        for name, value in (("error", 0), ("car", "plugged"), ("replug", 1), ("force_state", 0))
    ),
    *(("panel", name, 0) for name in ("estop", "key", "reset", "car_button")),
    *((f"inverter{number}", "fault", 0) for number in (1, 2, 3, 4)),
    *((f"inverter{number}", "pv_w", "plant") for number in (1, 2, 3, 4)),
    ("islander", "fault", 0),
    ("islander", "pv_w", "plant"),
    *(("plant", name, value) for name, value in (("grid_v", 230), ("load_w", 400))),
)


class Recovery:
    """One run's second phase; times are ms since everything was mended."""

    def __init__(self, yard: Yard, bench: VirtualBench) -> None:
        self._yard, self._bench = yard, bench
        self.stopped = False  # somebody has stopped the changeover
        self._release_ms: dict[str, int] = {}
        self._done: set[int] = set()
        self._most_a = self._offered_a = 0.0

    def mend(self, active: Iterable[Struck]) -> None:
        """Everything is as it was built."""
        for struck in active:
            for action in struck.strike.end:
                with suppress(RigError):  # no power yet, and so no process: it starts with the power
                    self._bench.do(action)
        for name in (*self._bench.world.devices, "plant"):
            self._bench.world.control(name, {"clear": True})
        for device, name, value in RESTS:
            if device == "plant" or device in self._bench.world.devices:
                self._bench.world.control(device, {"set": name, "value": value})
        for part in self._bench.harness.parts:
            self._bench.harness.resume(part)

    def look(self, since_ms: int, facts: Facts) -> None:
        """One moment."""
        for name, release_ms in list(self._release_ms.items()):
            if since_ms >= release_ms:
                del self._release_ms[name]
                self._bench.world.control("panel", {"set": name, "value": 0})
        if self._once(HAND_MS, since_ms) and held_by_hand(self._bench):
            self._press("car_button", since_ms)
        for reset_ms in RESETS_MS:
            if self._once(reset_ms, since_ms):
                self._reset(since_ms, last=reset_ms == RESETS_MS[-1])
        for again_ms in AGAIN_MS:
            if self._once(again_ms, since_ms) and self.stopped:
                self._bench.do(Wish(self._yard.who, "set", self._yard.switch, 1, "position", "setting", 600.0))
        if self._once(WISH_MS, since_ms):
            self._offered_a = float(str(facts["wallbox.offered_a"]))
            self._bench.do(Wish(self._yard.who, "set", "wallbox.current", WISH_A, "A", "setting", 60.0))
        if since_ms > WISH_MS:
            drawn = facts["plant.car_a"]
            self._most_a = max(self._most_a, *(drawn if isinstance(drawn, list) else [0.0]))

    def end(self, at_ms: int) -> list[Violation]:
        """What is wrong with the house when it should be well."""
        found = [
            Violation(
                at_ms,
                f"stuck: {name} is not {' or '.join(FINE[kind])}",
                f"{state} {RECOVERY_MS / 1000:g} s after everything was mended",
            )
            for name, (kind, state) in by_machine(self._bench).items()
            if kind in FINE and state not in FINE[kind] and not (name in self._yard.dark and state == "unseen")
        ]
        if self._bench.harness.picture() is None:
            found.append(Violation(at_ms, "stuck: the product is away", "nobody answers, limit: it is there again"))
        if self._offered_a > self._yard.program_a:
            after = f"{WISH_MS / 1000:g} s after the last wish"
            measured = f"{self._offered_a:g} A are offered {after}, limit {self._yard.program_a} A"
            found.append(Violation(at_ms, "stuck: a wish outlives its lease", measured))
        if self._most_a < SEEN_A:
            why = "; ".join(
                f"{told.verdict}: {told.text}"
                for told in self._bench.decisions[-1:]
                if told.target == "wallbox.current"
            )
            measured = f"{self._most_a:.1f} A within {GRANTED_MS / 1000:g} s, limit at least {SEEN_A:g} A ({why})"
            found.append(Violation(at_ms, "stuck: the car gets no current that may be asked for", measured))
        return found

    # -- a person --

    def _reset(self, since_ms: int, last: bool) -> None:
        if self._yard.reset:
            self._press("reset", since_ms)
        elif last and any(state in LATCHED for _, state in by_machine(self._bench).values()):
            self._forget()

    def _forget(self) -> None:
        """Stop it, move run/state.json away, start it again."""
        self._bench.harness._disk._files.clear()  # the harness has no word for what a person does to a file
        self._bench.harness.kill("guardian")

    def _press(self, name: str, since_ms: int) -> None:
        self._bench.world.control("panel", {"set": name, "value": 1})
        self._release_ms[name] = since_ms + PRESS_MS

    def _once(self, due_ms: int, since_ms: int) -> bool:
        if since_ms < due_ms or due_ms in self._done:
            return False
        self._done.add(due_ms)
        return True
