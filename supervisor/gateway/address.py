"""What counts as one caller on the network.

Rules
* An IPv4 address is one caller. Of IPv6 it is the /64, since everybody owns 2**64 of those.
* A reverse proxy is one caller, whoever stands behind it: headers that say otherwise are the caller's to invent.

This file must never look at anything but the address that the socket shows.
"""

from __future__ import annotations

import functools
import ipaddress


@functools.lru_cache(maxsize=1_024)
def network_of(address: str) -> str:
    """The key of an address: itself for IPv4, its /64 for IPv6, "?" for what is none."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "?"
    if parsed.version == 4:
        return address
    if parsed.ipv4_mapped is not None:  # a socket that serves both families shows IPv4 callers like this
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed.packed[:8] + bytes(8), 64)))
