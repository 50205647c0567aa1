"""A meter: it is seen or it is not; what it says is the readings' business.

Facts: ``seen`` its core signals are fresh.
"""

from statemachine import State, StateMachine


class Meter(StateMachine):
    unseen = State(initial=True)
    ready = State()

    find = unseen.to(ready, cond="seen")
    lose = ready.to(unseen, cond="not seen")
