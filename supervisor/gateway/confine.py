"""What this process gives up by itself once it has its port, without anybody's help and for good.

Rules
* No new rights, whatever is executed; no core file, which would hold tokens; bounded memory and descriptors; files
  that only this user reads. The service unit (deploy/systemd/powerwarden-gateway.service) takes away the rest.
* A limit that is lower already stays. What the system does not grant is said and is no reason to serve nobody.

This file must never be called before the port is bound: a port below 1024 may need the right that is given up here.
"""

from __future__ import annotations

import ctypes
import os
import resource

PR_SET_NO_NEW_PRIVS = 38
LIMITS = {
    resource.RLIMIT_CORE: 0,
    resource.RLIMIT_NOFILE: 1_024,  # SEATS_MAX connections, and as many again that are only just being refused
    resource.RLIMIT_AS: 1024**3,  # bytes of addresses; a quiet gateway has 60 MB of them
}


def confine() -> list[str]:
    """Give up what is not needed. Returns what could not be given up, one sentence each."""
    os.umask(0o077)
    troubles = []
    for which, most in LIMITS.items():
        soft, hard = resource.getrlimit(which)
        if hard == resource.RLIM_INFINITY or hard > most:
            hard = most
        soft = hard if soft == resource.RLIM_INFINITY else min(soft, hard)
        try:
            resource.setrlimit(which, (soft, hard))
        except (OSError, ValueError) as error:
            troubles.append(f"the limit {which} could not be lowered: {error}")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        troubles.append(f"new privileges could not be given up: {os.strerror(ctypes.get_errno())}")
    return troubles
