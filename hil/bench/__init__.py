"""Where a scenario happens: three benches with one face.

contract.py   what a bench is          virtual.py    one process, virtual time, bytes passed by hand
facts.py      devices -> facts         loopback.py   real processes and transports on this machine
                                       wired.py      real adapters and relays, named in rig.yaml
"""
