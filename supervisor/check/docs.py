"""docs/check.md, made from the table: what each finding means, and what to do about it.

``python -m supervisor.check --write-docs`` writes it; a test compares it with what is committed.
"""

from __future__ import annotations

from supervisor.check.finding import Severity
from supervisor.check.table import KINDS

HEAD = """\
# powerwarden check

```sh
powerwarden check SITE            # what is wrong with a site, its examples, and what it does without us
powerwarden check SITE --strict   # warnings count, too
powerwarden check SITE --json     # the same as data
```

It starts nothing and writes nothing. A document that cannot be read, or says what nobody understands, is told in one
line with its file and line, and nothing else is looked at (exit code 2). A site that loads is then looked at for what
no schema sees, one line for each finding:

    policies/uc001/site.yaml:21: [contactor_alone] warning: what is so; what to do about it

An error means that the site must not run like this (exit code 1). A warning is something that somebody has to have
thought of; it counts with `--strict`. A note never counts. Then the documents' own examples are tried out, and the
page "What remains energised when everything of ours is dead" says for each actuator what happens when the guardian is
silent, what when all of this computer is dead, and what is energised then.
"""

CUT_OFFS = """\
## Cut-offs

Some devices keep their last order for ever, others lift their limit, when nobody speaks to them. Such a device needs
something besides this box that cuts it off, and `site.yaml` says what: contactors that drop by themselves when this box
is silent (all of them have to), or hardware in a sentence. Where a changeover compares its flow with the device's own
current (`against`), its contactors count without being written here.

```yaml
cut_offs:
  islander.power_limit: [relays.coil_2]
  wallbox.current: the smoke detector and the emergency stop pull the shunt trip of its breaker
```

This is a statement about the wiring. Nobody tests it; the page repeats it.
"""

EXAMPLES = """\
## Examples

A policy document says what its rules come to. `check` tries each example out with the kernel that runs the house, on
virtual time, and an example that comes out otherwise is an error that names the clauses that decided.

```yaml
situations:
  everyday:
    others: zero                    # what is not named says zero
    readings: {battery.soc: 60 %, relays.permit: on, meter.voltage_l*: 230 V, meter.current_l*: 8 A}
  battery_empty: {base: everyday, readings: {battery.soc: 15 %}}
  no_meter: {base: everyday, unseen: [meter], mode: degraded}

examples:
  the_last_fifth_stays:
    why: the battery is nearly empty, and the house comes first
    in: battery_empty
    who: phone
    ask: {wallbox.current: 10 A}
    expect: clipped to 6 A by limits.battery_low
  the_car_waits: {in: everyday, does: {wallbox.current: 0 A}}
```

| key of a situation | what it means |
|---|---|
| `base` | another situation; what stands here goes before it |
| `readings` | what the signals say, all the time: a quantity, a code's name, or `missing`. `*` stands for any \
letters; a full name goes before a pattern |
| `others: zero` | every other signal says zero, or what is nearest to it. Without this a device that has to be seen \
must be said |
| `positions`, `closed` | where changeovers are found, and which other contactors are found closed. Contacts and \
read-backs follow their orders by themselves, unless they are named under `readings` |
| `unseen` | devices that say nothing; contactors that drop by themselves have dropped |
| `lost` | orchestrators that fall silent when the house has come to rest; all others give signs of life |
| `mode` | the mode that the house must have come to. It is compared, not set |
| `why` | for people |

The house is left alone until nothing changes any more by time alone; then the example begins.

| key of an example | what it means |
|---|---|
| `in` | the situation |
| `who`, `ask` | the orchestrator, and one target with what it asks for: a quantity, `open`, `closed` or a position |
| `kind` | `setting` (where nothing is said) or `live` |
| `expect` | `granted`, `clipped to 6 A`, `refused`; the last two may go on with `by` and a rule |
| `does` | instead of `who`, `ask` and `expect`: what the targets are told when nobody asks for anything |
| `why` | for people |
"""


def document() -> str:
    """The whole page."""
    parts = [HEAD, "## Findings", ""]
    for severity in Severity:
        parts += [f"### {severity.value.capitalize()}s", "", "| id | what it means | what to do |", "|---|---|---|"]
        rows = [(k.id, k.meaning, k.remedy.replace("|", "\\|")) for k in KINDS if k.severity is severity]
        parts += [f"| `{identity}` | {meaning} | {remedy} |" for identity, meaning, remedy in rows]
        parts.append("")
    return "\n".join([*parts, CUT_OFFS, EXAMPLES])
