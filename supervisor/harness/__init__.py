"""The whole product in one process, on a clock that its caller holds: guardian, hosts of all buses, and their drivers.

    house.py    who turns when: one guardian, a host for each bus, what kills and stops them
    ports.py    the hosts' ports: frames, Modbus bytes and levels, handed to a World instead of a wire
    modbus.py   Modbus ADUs, TCP and RTU
    describe.py what a site is, for whoever builds a house for it
    inside.py   what takes the place of sockets, disks and the wall clock

Rules
* The same classes as on the appliance judge, drive and remember; only what waits is replaced. No thread is started,
  nothing sleeps, no clock is read, nothing touches a file.
* What goes in and out are bytes and levels, so whoever holds the other end needs no word of ours.

For benches and for people who try out their documents; a house must never be supervised by it.
"""

from supervisor.harness.describe import About, AboutCircuit, AboutDevice, AboutTarget, about
from supervisor.harness.house import Answered, Harness, Said
from supervisor.harness.ports import World
from supervisor.loader.load import DocumentError

__all__ = [
    "About",
    "AboutCircuit",
    "AboutDevice",
    "AboutTarget",
    "Answered",
    "DocumentError",
    "Harness",
    "Said",
    "World",
    "about",
]
