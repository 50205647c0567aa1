"""A program with an open bench, for tests that end it: says "open", halts the guardian
when it is told so, and looks for a minute."""

from __future__ import annotations

import sys

from loopback_scenes import let, scene

from hil.bench.loopback import LoopbackBench
from hil.scenario.model import ToProcess


def main() -> int:
    bench = LoopbackBench()
    try:
        bench.open(scene(), 1)
        let(bench, 100, *[ToProcess("guardian", "stop")] * ("halt" in sys.argv))
        sys.stdout.write("open\n")
        sys.stdout.flush()
        let(bench, 60_000)
    except KeyboardInterrupt:
        sys.stdout.write("interrupted\n")
    finally:
        bench.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
