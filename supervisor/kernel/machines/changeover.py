"""A changeover: contactors that bring a conductor from one position to another, one proof after the other.

``resting`` is a position, all-open included. The way to another one: ``draining`` (what flows is driven to zero, and
nothing moves) → ``breaking`` (contactors open one after the other, proven) → ``waiting`` (all open, dead time) →
``probing`` (dead bus or synchronism proven) → ``making`` (contactors close one after the other, proven) → ``settling``.
An abort before the first movement ends in ``held``: it stays where it is, and the flow stays at zero until every
contactor shows itself and no move waits for it any more. After it, all contactors open. ``stranded`` is a breaking
that takes too long: it still ends when all are proven open.
In every state but ``resting`` the flow is driven to zero. ``faulted`` ends only by a local reset of its contactors.

Facts: ``found`` all contactors are proven and form a position · ``mixed`` they are known and do not · ``move`` another
position is wanted and nothing refuses it · ``back`` the present position is wanted · ``rated`` what is closed may be
opened under load · ``doubt`` a contactor does not show itself · ``upset`` a contactor is not where this position has
it · ``calm`` nothing flows, proven for long enough · ``all_open`` every contactor is proven open · ``danger`` one is
welded · ``others_open`` every other one is proven open · ``ending`` the way ends in all-open · ``dead`` the bus may be
closed onto · ``made`` the wanted position is proven · ``failed`` one of its contactors cannot close · ``late`` the
state's time is over.
"""

from statemachine import State, StateMachine


class Changeover(StateMachine):
    looking = State(initial=True)
    resting = State()
    draining = State()
    held = State()
    breaking = State()
    stranded = State()
    waiting = State()
    probing = State()
    making = State()
    settling = State()
    faulted = State()

    find = looking.to(resting, cond="found and not danger")
    # A contactor has moved on its own: all of them open, in order, as soon as nothing flows.
    part = (
        looking.to(breaking, cond="mixed")
        | breaking.from_(resting, draining, held, settling, cond="upset")
        | breaking.from_(waiting, probing, cond="not all_open")
        | making.to(breaking, cond="ending")
        | making.to(breaking, cond="failed")
        | making.to(breaking, cond="late")
    )
    stay = held.from_(resting, draining, settling, cond="doubt")
    back_out = draining.to(resting, cond="back") | held.to(resting, cond="not move and not doubt")
    refuse = draining.to(held, cond="not move")
    leave = resting.to(draining, cond="move")
    open_up = breaking.from_(draining, held, cond="calm and move and not doubt") | draining.to(
        breaking, cond="late and rated and move and not doubt"
    )
    give_up = draining.to(held, cond="late") | breaking.to(stranded, cond="late")
    apart = waiting.from_(breaking, stranded, cond="all_open")
    fail = faulted.from_(breaking, stranded, cond="danger and others_open and not all_open")
    close_up = probing.to(making, cond="dead and not ending")
    end = (
        waiting.to(resting, cond="late and ending")
        | probing.to(resting, cond="ending")
        | probing.to(resting, cond="late")
    )
    probe = waiting.to(probing, cond="late and not ending")
    settle = making.to(settling, cond="made")
    arrive = settling.to(resting, cond="late")
    mend = faulted.to(resting, cond="all_open")
