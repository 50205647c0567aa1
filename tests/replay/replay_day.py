"""A day of the example house, recorded by one Python and replayed by another: ``make day OTHER=python3.13``.

python replay_day.py record FOLDER [SECONDS]      writes a journal, prints what is in it
python replay_day.py replay FOLDER                decides it again; ends with 1 where it is not identical
"""

from __future__ import annotations

import platform
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE)]

DAY_S = 86_400


def put(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def record(folder: Path, seconds: int) -> int:
    from replay_house import Recorded

    began = time.monotonic()
    house = Recorded(folder)
    for hour in range(0, seconds, 3_600):
        house.calm()
        house.restless = hour // 3_600 % 4 == 1  # every fourth hour is a bad one
        house.live(min(3_600, seconds - hour) * 1_000)
    house.close()
    files = sorted(folder.glob("*.gz"))
    size = sum(path.stat().st_size for path in files)
    cycles, spent = house.counters["cycles"], time.monotonic() - began
    put(f"recorded {seconds} s by Python {platform.python_version()} in {spent:.0f} s: {cycles} cycles stepped,")
    put(f"{house.counters['requests_total']} requests, {len(files)} segments, {size / 1e6:.1f} MB")
    return 0


def replay(folder: Path) -> int:
    from supervisor.replay.console import replay as verb

    began = time.monotonic()
    ended = verb(folder, None, put)
    put(f"replayed by Python {platform.python_version()} in {time.monotonic() - began:.0f} s")
    return ended


def main(words: list[str]) -> int:
    folder = Path(words[1])
    if words[0] == "record":
        return record(folder, int(words[2]) if len(words) > 2 else DAY_S)
    return replay(folder)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
