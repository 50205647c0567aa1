"""A device that only carries others' things, such as a relay node: it is there or it is not.

Facts: ``seen`` its core signals are fresh.
"""

from statemachine import State, StateMachine


class Presence(StateMachine):
    unseen = State(initial=True)
    present = State()

    find = unseen.to(present, cond="seen")
    lose = present.to(unseen, cond="not seen")
