"""An inverter. Asleep at night is a state of its own and no fault.

Facts: ``seen`` its core signals are fresh · ``asleep_now`` it has no sun and says so · ``limited_now`` it is
throttled · ``faulted_now`` it reports a fault.
"""

from statemachine import State, StateMachine


class Inverter(StateMachine):
    unseen = State(initial=True)
    asleep = State()
    ready = State()
    limited = State()
    faulted = State()

    lose = unseen.from_(asleep, ready, limited, faulted, cond="not seen")
    fail = faulted.from_(unseen, cond="seen and faulted_now") | faulted.from_(
        asleep, ready, limited, cond="faulted_now"
    )
    sleep = asleep.from_(unseen, cond="seen and asleep_now") | asleep.from_(
        ready, limited, faulted, cond="asleep_now and not faulted_now"
    )
    limit = limited.from_(unseen, cond="seen and limited_now") | limited.from_(
        asleep, ready, faulted, cond="limited_now and not asleep_now and not faulted_now"
    )
    clear = ready.from_(unseen, cond="seen") | ready.from_(
        asleep, limited, faulted, cond="not asleep_now and not limited_now and not faulted_now"
    )
