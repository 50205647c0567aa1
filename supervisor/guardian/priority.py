"""Real-time priority for the loop, and a lower one for the threads that write.

A thread that writes holds the interpreter's lock for moments. On a busy machine, without a priority of its own, it is
not even scheduled to give it back, and the loop waits for it: cycles were skipped for that. So it is put above all that
is not real-time, and below the loop.
"""

from __future__ import annotations

import os

LOOP, WRITER = 20, 10  # SCHED_FIFO; below the kernel's own interrupt threads (50)


def real_time(priority: int = LOOP) -> bool:
    """Ask for SCHED_FIFO for this thread, which children do not inherit; False where the system does not grant it."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(priority))
    except (OSError, PermissionError):
        return False
    return True
