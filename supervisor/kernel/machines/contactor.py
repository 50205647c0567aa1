"""A contactor: what was commanded and what is proven are different things.

``open`` and ``closed`` mean proven by the feedback of the main contact. The coil is told 1 in ``closing`` and
``closed``, nothing at all in ``looking`` (after a start the contact is looked at before anything is said), else 0.

Facts: ``wanted`` arbitration wants it closed · ``shown_open``/``shown_closed`` proven by feedback, never both ·
``may_open`` zero flow is proven, or it is rated to break its load · ``cut_off`` its device is not seen · ``gone``
not for so long that it has dropped its coils by itself ·
``locked`` locked out for maintenance · ``reset`` a local reset this cycle · ``late`` the state's time is over.
"""

from statemachine import State, StateMachine


class Contactor(StateMachine):
    looking = State(initial=True)
    open = State()
    closing = State()
    closed = State()
    opening = State()
    failed_open = State()
    welded = State()
    locked_out = State()
    unverified = State()

    # A node that is cut off drops its coils by itself, so what was closed must be looked at again, not closed again.
    # What was open stays open: found closed later, somebody else has closed it.
    lose_sight = closed.to(looking, cond="gone")
    # Something closed that nobody commanded; or, after travel, still closed.
    weld = (
        open.to(welded, cond="shown_closed")
        | locked_out.to(welded, cond="shown_closed")
        | opening.to(welded, cond="late and shown_closed")
    )
    find_open = looking.to(open, cond="shown_open") | unverified.to(open, cond="shown_open")
    find_closed = (
        looking.to(closed, cond="shown_closed")
        | unverified.to(opening, cond="shown_closed")
        | failed_open.to(opening, cond="shown_closed")
    )
    lock = open.to(locked_out, cond="locked") | closing.to(opening, cond="locked")
    unlock = locked_out.to(open, cond="shown_open and not locked")
    make = open.to(closing, cond="wanted and shown_open and not cut_off")
    cancel = closing.to(opening, cond="not wanted")
    made = closing.to(closed, cond="shown_closed")
    drop = closed.to(failed_open, cond="shown_open")
    part = closed.to(opening, cond="may_open and not wanted")
    parted = opening.to(open, cond="shown_open")
    give_up = (
        closing.to(failed_open, cond="late")
        | opening.to(unverified, cond="late")
        | looking.to(unverified, cond="late and not cut_off")
    )
    doubt = open.to(unverified, cond="late and not shown_open and not cut_off")
    rest = failed_open.to(open, cond="late and shown_open")
    reset_weld = welded.to(open, cond="reset and shown_open")
