"""The page of the state machines that this site uses, drawn by the library that declares them."""

from __future__ import annotations

from statemachine import StateMachine

from supervisor.draw.mermaid import fence, table
from supervisor.kernel.plan import Plan
from supervisor.loader import assemble

# Only the loader looks at the declared machines, so their classes are taken from there.
DECLARED = {
    machine.__name__: machine
    for machine in vars(assemble).values()
    if isinstance(machine, type) and issubclass(machine, StateMachine) and machine is not StateMachine
}


def machines(plan: Plan) -> str:
    """Each machine once, and who runs it."""
    users: dict[str, list[str]] = {"House": ["the house"]}
    for device in plan.devices:
        users.setdefault(device.table.name, []).append(device.id)
    for target in plan.targets:
        if target.contactor is not None:
            users.setdefault(plan.contactor.name, []).append(target.id)
    for changeover in plan.changeovers:
        users.setdefault(plan.changeover.name, []).append(changeover.id)
    for identity in plan.identities:
        users.setdefault(plan.orchestrator.name, []).append(identity.name)
    parts = [table(("machine", "of"), [(name, ", ".join(who)) for name, who in users.items()])]
    for name in users:
        parts += [f"### {name}", fence(drawn(name))]
    return "\n\n".join(parts)


def drawn(name: str) -> str:
    """The library's own drawing, its lines in their order, without idle blanks."""
    return "\n".join(line.rstrip() for line in format(DECLARED[name], "mermaid").strip().splitlines())
