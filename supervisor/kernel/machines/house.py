"""The whole house. What counts as degraded or as a fault is data (the rows' severity), not code.

Facts, in order of precedence: ``maintenance_on`` somebody locally put it there · ``fault_present`` a row of severity
fault acts, or a contactor is welded · ``observing`` the site only watches · ``trouble`` a row of severity degraded
acts, a contactor does not show itself or cannot close, or a changeover is stranded · ``orphaned`` an expected
orchestrator that was there is gone · ``complete`` every required device is seen · ``grace_over`` the start grace has
passed.
"""

from statemachine import State, StateMachine


class House(StateMachine):
    starting = State(initial=True)
    observe = State()
    normal = State()
    degraded = State()
    orchestrator_lost = State()
    fault = State()
    maintenance = State()

    maintain = maintenance.from_(starting, observe, normal, degraded, orchestrator_lost, fault, cond="maintenance_on")
    fail = fault.from_(starting, observe, normal, degraded, orchestrator_lost, cond="fault_present")
    watch = observe.from_(starting, normal, degraded, orchestrator_lost, cond="observing") | observe.from_(
        fault, maintenance, cond="observing and not fault_present and not maintenance_on"
    )
    degrade = (
        starting.to(degraded, cond="grace_over and not complete")
        | starting.to(degraded, cond="grace_over and trouble")
        | degraded.from_(normal, orchestrator_lost, cond="trouble and not observing")
        | degraded.from_(fault, cond="trouble and not fault_present and not maintenance_on and not observing")
        | degraded.from_(maintenance, cond="trouble and not fault_present and not maintenance_on and not observing")
    )
    orphan = orchestrator_lost.from_(normal, cond="orphaned and not trouble") | orchestrator_lost.from_(
        degraded, cond="orphaned and complete and not trouble"
    )
    settle = (
        starting.to(normal, cond="complete and not trouble")
        | observe.to(starting, cond="not observing")
        | degraded.to(normal, cond="complete and not trouble and not orphaned")
        | orchestrator_lost.to(normal, cond="not orphaned")
        | fault.to(starting, cond="not fault_present")
        | maintenance.to(starting, cond="not maintenance_on")
    )
