"""One identity that may ask: is it there?

A heartbeat or any request is a sign of life. Facts: ``heard`` a sign of life within the identity's late time ·
``overdue`` none within its lost time.
"""

from statemachine import State, StateMachine


class Orchestrator(StateMachine):
    absent = State(initial=True)
    alive = State()
    late = State()
    lost = State()

    hear = absent.to(alive, cond="heard") | late.to(alive, cond="heard") | lost.to(alive, cond="heard")
    lose = alive.to(lost, cond="overdue") | late.to(lost, cond="overdue")
    miss = alive.to(late, cond="not heard")
