"""A contactor: what was commanded and what is proven are different things.

``open`` and ``closed`` mean proven by the feedback of the main contact. The coil is told 1 in ``closing``, ``closed``
and ``doubted``, nothing at all in ``looking`` (after a start the contact is looked at before anything is said), else 0.
``doubted`` is closed without proof: it keeps its coil, because opening it might break a current that nobody sees.
``failed_open`` was shown open when it should have been closed. ``welded`` and ``locked_out`` wait for a local reset.

Facts: ``wanted`` it shall be closed · ``admitted`` no interlock, rest time or count of switches keeps it from closing ·
``shown_open``/``shown_closed`` proven by feedback, never both · ``may_open`` nothing flows, proven; or it is rated to
break its load and has waited for as long as is declared · ``held`` its minimum time closed is running and only a wish
wants it open · ``alone`` every contactor that excludes it is proven open · ``precharge`` it has a precharge ·
``charged`` whose criterion holds · ``doubtful`` its position has not shown itself for too long · ``cut_off`` its device
is not seen · ``gone`` not for so long that it has dropped its coils by itself · ``spent`` it has failed too often in a
row · ``travelled`` its travel time since the coil last changed is over, so no contact bounces any more · ``locked``
maintenance keeps it open · ``reset`` a local reset this cycle · ``late`` the state's time is over.
"""

from statemachine import State, StateMachine


class Contactor(StateMachine):
    looking = State(initial=True)
    open = State()
    precharging = State()
    closing = State()
    closed = State()
    doubted = State()
    opening = State()
    failed_open = State()
    welded = State()
    locked_out = State()
    unverified = State()

    # A node that is cut off drops its coils by itself, so what was closed must be looked at again, not closed again.
    # What was open stays open: found closed later, somebody else has closed it.
    lose_sight = looking.from_(closed, doubted, cond="gone")
    # Something closed that nobody commanded; or, after travel, still closed.
    weld = (
        welded.from_(open, precharging, locked_out, cond="shown_closed and travelled")
        | opening.to(welded, cond="late and shown_closed")
        | looking.to(welded, cond="late and shown_closed and may_open and not alone")
    )
    find_open = open.from_(looking, unverified, cond="shown_open")
    find_closed = (
        looking.to(closed, cond="shown_closed and alone")
        | unverified.to(opening, cond="shown_closed")
        | failed_open.to(opening, cond="shown_closed")
    )
    # Wherever it has been in between: what has failed too often waits for its reset.
    relapse = open.to(failed_open, cond="spent and shown_open")
    lock = open.to(locked_out, cond="locked and shown_open") | failed_open.to(locked_out, cond="locked and shown_open")
    unlock = locked_out.to(open, cond="reset and shown_open and not locked")
    charge = open.to(precharging, cond="precharge and wanted and admitted and shown_open and not cut_off")
    make = open.to(
        closing, cond="wanted and admitted and shown_open and not precharge and not cut_off"
    ) | precharging.to(closing, cond="charged and wanted and admitted and shown_open and not cut_off")
    cancel = precharging.to(open, cond="shown_open and not wanted") | closing.to(
        opening, cond="shown_open and not wanted"
    )
    made = closing.to(closed, cond="shown_closed")
    drop = failed_open.from_(closed, doubted, cond="shown_open and travelled")
    part = opening.from_(closed, doubted, cond="may_open and not wanted and not held")
    doubt = closed.to(doubted, cond="doubtful and not cut_off") | unverified.from_(
        open, failed_open, precharging, cond="doubtful and not cut_off"
    )
    trust = doubted.to(closed, cond="shown_closed")
    parted = opening.to(open, cond="shown_open")
    give_up = (
        precharging.to(failed_open, cond="late and shown_open")
        | closing.to(failed_open, cond="late and shown_open")
        | closing.to(doubted, cond="late")
        | opening.to(unverified, cond="late")
        | looking.to(unverified, cond="late and may_open and not shown_closed and not cut_off")
    )
    reset_latch = welded.to(open, cond="reset and shown_open") | failed_open.to(open, cond="reset and shown_open")
    rest = failed_open.to(open, cond="late and shown_open and not spent")
