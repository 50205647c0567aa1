"""A battery behind its own management system (BMS), as its limits and protections show it.

Facts: ``seen`` its core signals are fresh · ``protecting`` a protection is raised · ``charge_blocked`` /
``discharge_blocked`` a current limit is zero.
"""

from statemachine import State, StateMachine


class Battery(StateMachine):
    unseen = State(initial=True)
    ready = State()
    limited = State()
    protected = State()

    lose = (
        ready.to(unseen, cond="not seen") | limited.to(unseen, cond="not seen") | protected.to(unseen, cond="not seen")
    )
    protect = (
        unseen.to(protected, cond="seen and protecting")
        | ready.to(protected, cond="protecting")
        | limited.to(protected, cond="protecting")
    )
    limit_charge = (
        unseen.to(limited, cond="seen and charge_blocked")
        | ready.to(limited, cond="charge_blocked")
        | protected.to(limited, cond="charge_blocked and not protecting")
    )
    limit_discharge = (
        unseen.to(limited, cond="seen and discharge_blocked")
        | ready.to(limited, cond="discharge_blocked")
        | protected.to(limited, cond="discharge_blocked and not protecting")
    )
    clear = (
        unseen.to(ready, cond="seen")
        | limited.to(ready, cond="not charge_blocked and not discharge_blocked")
        | protected.to(ready, cond="not protecting")
    )
