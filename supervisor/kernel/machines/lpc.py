"""The grid operator's dimming: is a limit in force, and who says so (EEBUS LPC; a relay contact is its simplest case)?

Lost input means limit: at the start and in ``failsafe`` the declared failsafe limit holds. ``autonomous``: the operator
has been away for longer than he may keep the house waiting.

Facts: ``alive`` a heartbeat within its time-out (a contact: it is seen) · ``limiting`` a limit is given and active ·
``freeing`` the operator says that there is none · ``renewed`` that word came within the grace after the heartbeat was
back · ``spent`` the state has lasted for the failsafe duration.
"""

from statemachine import State, StateMachine


class Lpc(StateMachine):
    init = State(initial=True)
    unlimited = State()
    limited = State()
    failsafe = State()
    autonomous = State()

    lose = failsafe.from_(unlimited, limited, cond="not alive")
    limit = limited.from_(init, unlimited, autonomous, cond="alive and limiting") | limited.from_(
        failsafe, cond="alive and limiting and renewed"
    )
    free = unlimited.from_(init, limited, autonomous, cond="alive and freeing") | unlimited.from_(
        failsafe, cond="alive and freeing and renewed"
    )
    expire = autonomous.from_(init, failsafe, cond="spent")
