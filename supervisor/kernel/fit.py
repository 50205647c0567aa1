"""Fitting a wish: the nearest value, on its way to safe, that the envelope, the permissions and the device allow.

Rules
* Every step goes towards the target's safe value or stays; so it ends, and the order of the steps does not matter.
* The safe value belongs to every band; what lies between it and a band that begins further out is permitted to nobody.
* Who is named is the last rule that moved the value; the device's own steps and gaps only where no rule did.

All amounts are integers in the target's unit.
"""

from __future__ import annotations

from typing import NamedTuple

from supervisor.kernel.outputs import rounded
from supervisor.kernel.permission import Layer
from supervisor.kernel.plan import Target
from supervisor.kernel.signal import shown
from supervisor.kernel.span import Span, clip


class Fit(NamedTuple):
    """What is left of a wish, the rule that made it so ("" when nothing did), and what that rule leaves, in words."""

    value: int
    by: str
    text: str


def fitted(target: Target, asked: int, span: Span, covered: list[Layer]) -> Fit:
    """``asked`` within ``span``, the bands of every layer, and what the device can do."""
    fit = Fit(asked, "", "")
    while True:
        before = fit.value
        fit = _into_span(target, fit, span)
        for layer in covered:
            fit = _into_layer(target, fit, layer)
        fit = _into_device(target, fit)
        if fit.value == before:
            return fit


def _into_span(target: Target, fit: Fit, span: Span) -> Fit:
    value = clip(fit.value, span, target.safe, ())
    if value == fit.value:
        return fit
    below = span.lo > target.safe or fit.value < span.lo
    by = span.empty_by or (span.lo_by if below else span.hi_by)
    text = f"{by} leaves {shown(span.lo, target.unit)} to {shown(span.hi, target.unit)}"
    return Fit(value, by, _rating(target) if by == "rating" else text)


def _into_layer(target: Target, fit: Fit, layer: Layer) -> Fit:
    value = toward(fit.value, target.safe, tuple((said.lo, said.hi) for said in layer))
    if value == fit.value:
        return fit
    if fit.by and value == target.safe:  # what a rule left fell into this document's gap: the rule is the reason
        return Fit(value, fit.by, fit.text)
    edge = max(layer, key=lambda said: (said.lo <= value <= said.hi, said.hi - said.lo))
    text = f"{edge.id} leaves {shown(edge.lo, target.unit)} to {shown(edge.hi, target.unit)}"
    return Fit(value, edge.id, text)


def _into_device(target: Target, fit: Fit) -> Fit:
    value = rounded(target, clip(fit.value, Span(target.lo, target.hi, "", ""), target.safe, target.bands))
    if value == fit.value or fit.by:
        return Fit(value, fit.by, fit.text)
    if any(lo < fit.value < hi for lo, hi in target.bands) or not target.lo <= fit.value <= target.hi:
        return Fit(value, "rating", _rating(target))
    return Fit(value, "step", f"{target.id} knows steps of {shown(target.step, target.unit)}")


def _rating(target: Target) -> str:
    unit = target.unit
    gaps = "".join(f", but nothing between {shown(lo, unit)} and {shown(hi, unit)}" for lo, hi in target.bands)
    return f"{target.id} can do {shown(target.lo, unit)} to {shown(target.hi, unit)}{gaps}"


def toward(value: int, safe: int, bands: tuple[tuple[int, int], ...]) -> int:
    """The value of ``bands`` nearest to ``value`` on its way to ``safe``; ``safe`` when there is none."""
    if value >= safe:
        return max((min(value, hi) for lo, hi in bands if safe <= lo <= value or lo <= safe <= hi), default=safe)
    return min((max(value, lo) for lo, hi in bands if value <= hi <= safe or lo <= safe <= hi), default=safe)
