"""``make soak``: a house, its product and whatever may go wrong, from seeds.

python -m tests.soak                   the default seeds, on two cores; fails for a finding or a hole in the matrix
python -m tests.soak --seed 17         one seed again, with everything that happened in it
python -m tests.soak --house island    the seeds of one house (the matrix is shown, not judged)
"""

from __future__ import annotations

import argparse
import os
import signal
import sys

from tests.soak.soak_fill import Fill
from tests.soak.soak_houses import BY_NAME
from tests.soak.soak_plan import SAFETY_MS
from tests.soak.soak_recovery import RECOVERY_MS
from tests.soak.soak_run import TWICE_EVERY, Soak, one, soak, told

SEEDS = 240
SAFETY, RECOVERY = f"{SAFETY_MS / 1000:g} s", f"{RECOVERY_MS / 1000:g} s"
HELP = f"""\
Each seed is a house on the virtual bench for two and a half minutes: the whole product, simulated devices, a plant.

  safety phase   {SAFETY}: faults come and go, processes die, people press buttons, programs ask for this and that.
                 The plant and the wire are judged at every moment; the product is never asked how it is.
  recovery phase {RECOVERY}: everything is mended and nobody asks for anything. Then no machine may be stuck, and
                 a wish that is permitted must reach the car.

What may happen, and how likely it is, is drawn for each seed. Two seeds of three also play stages: they bring a machine
into a state that chance hardly reaches, and aim faults at it. What is then still a zero in the matrix fault x machine
state is aimed at on purpose, in some more runs; with the default seeds a zero that is left at the end fails.
Every {TWICE_EVERY}th seed runs twice, under another hash seed, and must end in the same bytes.

A failing seed prints what was measured beside its limit, its settings, and the command that repeats it. Read next:
tests/soak/soak_safety.py (what must hold, and what excuses it) and soak_recovery.py.
"""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m tests.soak", description=HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--seeds", type=int, default=SEEDS, help=f"how many, from 0 ({SEEDS}); fewer do not judge the matrix"
    )
    parser.add_argument("--seed", type=int, help="this one alone, and all that happened in it")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1), help="processes side by side (2)")
    parser.add_argument("--house", choices=sorted(BY_NAME), default="", help="every seed in this house")
    parser.add_argument(
        "--fill", type=Fill.read, help="with --seed and --house: 'COLUMN: ROW, ROW', as a run printed it"
    )
    parser.add_argument("--digest", action="store_true", help="with --seed: nothing but the digest of the run")
    return parser.parse_args()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _one(seed: int, house: str, fill: Fill | None, digest: bool) -> int:
    outcome = one(seed, house, fill)
    for line in [outcome.digest] if digest else told(outcome, story=True):
        _say(line)
    return 0 if digest else int(not outcome.well)


def _tell(result: Soak) -> None:
    for line in result.matrix.lines():
        _say(line)
    _say("")
    _say(f"filling runs, by round: {', '.join(map(str, result.filled)) or 'none'}")
    _say(f"houses: {', '.join(f'{name} {count}' for name, count in sorted(result.houses.items()))}")
    _say(f"{sum(result.struck.values())} strikes of {len(result.struck)} faults of devices, parts and people")
    same = sum(result.twice.values())
    _say(f"{len(result.twice)} seeds ran twice with another hash seed: {same} ended in the same bytes")
    _say(result.matrix.summary())


def main() -> int:
    """Returns 0 when nothing was found."""
    given = _arguments()
    if given.seed is not None:
        return _one(given.seed, given.house, given.fill, given.digest)
    whole = given.seeds >= SEEDS and not given.house
    result = soak(range(given.seeds), given.house, given.jobs, whole)
    _tell(result)
    for wrong in result.wrong:
        _say(f"FAILED {wrong}")
    _say("well" if not result.wrong else f"{len(result.wrong)} findings; see above for what repeats each")
    return int(bool(result.wrong))


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # whoever reads only the first lines has read enough
    sys.exit(main())
