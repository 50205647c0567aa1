"""A wallbox by IEC 61851: standby is state A, ready B, charging C or D, faulted E or F.

Facts: ``seen`` its core signals are fresh · ``plugged`` a car is connected · ``charging_now`` it draws ·
``faulted_now`` the box reports an error.
"""

from statemachine import State, StateMachine


class Charger(StateMachine):
    unseen = State(initial=True)
    standby = State()
    ready = State()
    charging = State()
    faulted = State()

    lose = (
        standby.to(unseen, cond="not seen")
        | ready.to(unseen, cond="not seen")
        | charging.to(unseen, cond="not seen")
        | faulted.to(unseen, cond="not seen")
    )
    fail = (
        unseen.to(faulted, cond="seen and faulted_now")
        | standby.to(faulted, cond="faulted_now")
        | ready.to(faulted, cond="faulted_now")
        | charging.to(faulted, cond="faulted_now")
    )
    start = (
        unseen.to(charging, cond="seen and charging_now")
        | standby.to(charging, cond="charging_now")
        | ready.to(charging, cond="charging_now")
        | faulted.to(charging, cond="charging_now and not faulted_now")
    )
    plug = (
        unseen.to(ready, cond="seen and plugged")
        | standby.to(ready, cond="plugged")
        | charging.to(ready, cond="plugged and not charging_now")
        | faulted.to(ready, cond="plugged and not faulted_now")
    )
    unplug = (
        unseen.to(standby, cond="seen")
        | ready.to(standby, cond="not plugged")
        | charging.to(standby, cond="not plugged and not charging_now")
        | faulted.to(standby, cond="not faulted_now")
    )
