"""``make fuzz``: a whole house is told nonsense for a while, over HTTP, MQTT and the guardian's own socket.

    FUZZ_MINUTES=15 FUZZ_SEED=1 python -m tests.fuzz

Ends with 1 and the input when something crashes, raises, answers with an error of its own, grows without end or makes
the guardian skip a cycle. FUZZ_KEEP=1 adds to the corpus what was first answered in a way that nothing was before.
"""

from __future__ import annotations

import os
import random
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent)]

from fuzz_house import CORPUS, FuzzedHouse, Wrong  # noqa: E402  the path above comes first
from fuzz_inputs import Dice, http, message, packet  # noqa: E402

MINUTES = float(os.environ.get("FUZZ_MINUTES", "15"))
SEED = int(os.environ.get("FUZZ_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
KEEP = os.environ.get("FUZZ_KEEP") == "1"
PROGRESS_S = 10.0
HTTP_THREADS = 3
MESSAGES = 100  # judged at once, between two pauses


class Fuzzer:
    """Threads that go on until the time is over or one of them has found something."""

    def __init__(self, house: FuzzedHouse) -> None:
        self.house = house
        self.over = threading.Event()
        self.wrong: list[str] = []

    def http(self, dice: Dice, number: int) -> None:
        data = http(dice)
        self._seen("http", self.house.say_http(data, number), data)

    def socket(self, dice: Dice, number: int) -> None:
        role, data = packet(dice)
        self._seen("socket", self.house.say_packet(role, data), role.encode() + b"\n" + data)

    def mqtt(self, dice: Dice, number: int) -> None:
        for one in range(MESSAGES):
            topic, payload = message(dice)
            came = self.house.say_message(topic, payload, number * MESSAGES + one)
            self._seen("mqtt", came, topic.encode("utf-8", "replace") + b"\n" + payload)
        self.over.wait(0.05)

    def _seen(self, kind: str, came: str, data: bytes) -> None:
        if KEEP and not self.house.seen[came] and len(data) < 4_096:
            (CORPUS / kind / f"{came.replace(' ', '_')}_{SEED}.bin").write_bytes(data)
        self.house.seen[came] += 1

    def work(self, one: Callable[[Dice, int], None], place: int) -> None:
        dice, number = Dice(f"{SEED}-{place}"), place
        while not self.over.is_set():
            try:
                one(dice, number)
            except Exception as error:  # noqa: BLE001  whatever it is, the run is over and says so
                self.wrong.append(repr(error))
                self.over.set()
            number += 10

    def run(self) -> None:
        """Until the time is over."""
        works = [self.http] * HTTP_THREADS + [self.socket, self.mqtt]
        threads = [threading.Thread(target=self.work, args=(one, place)) for place, one in enumerate(works)]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        while time.monotonic() - began < MINUTES * 60 and not self.over.wait(PROGRESS_S):
            self.progress(time.monotonic() - began)
        self.over.set()
        for thread in threads:
            thread.join()

    def progress(self, for_s: float) -> None:
        now, seen = self.house.figures(), self.house.seen
        sizes = ", ".join(f"{part} {size >> 20}" for part, size in now["rss"].items())
        kinds = {
            kind: sum(n for came, n in seen.items() if came.startswith(kind)) for kind in ("http", "socket", "mqtt")
        }
        skipped, late = (now[name] - self.house.before[name] for name in ("skipped_cycles", "late_cycles"))
        peers = now["peers_refused"]
        say(f"{for_s:6.0f} s  {kinds}  late {late}, skipped {skipped}, refused peers {peers}, MiB: {sizes}")


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> int:
    """Returns 0 when nothing was found."""
    say(f"seed {SEED}, {MINUTES:g} minutes; the same again: FUZZ_SEED={SEED} make fuzz")
    house = FuzzedHouse()
    try:
        fuzzer = Fuzzer(house)
        say(f"real-time priority {'granted' if house.real_time else 'not granted: skipped cycles are not judged'}")
        fuzzer.run()
        for came, count in sorted(house.seen.items()):
            say(f"{count:9} {came}")
        try:
            fuzzer.progress(MINUTES * 60)
            house.check()
        except (Wrong, AssertionError) as error:
            fuzzer.wrong.append(str(error))
        for trace in house.traces() if fuzzer.wrong else ():
            say(trace)
        for wrong in fuzzer.wrong:
            say(f"FOUND {wrong}")
        say("nothing was found" if not fuzzer.wrong else "see above; put the input into tests/fuzz/corpus")
        return int(bool(fuzzer.wrong))
    finally:
        house.close()


if __name__ == "__main__":
    sys.exit(main())
