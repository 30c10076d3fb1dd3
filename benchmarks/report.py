"""Targets, and the table of what was measured against them."""

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outcome:
    """One target and what was measured; `unit` is empty for a ratio."""

    name: str
    measured: float
    target: float
    unit: str
    sign: str
    compare: Callable[[float, float], bool]

    @property
    def is_met(self) -> bool:
        return self.compare(self.measured, self.target)


def at_least(name: str, measured: float, target: float, unit: str = "") -> Outcome:
    return Outcome(name, measured, target, unit, ">=", operator.ge)


def at_most(name: str, measured: float, target: float, unit: str = "") -> Outcome:
    return Outcome(name, measured, target, unit, "<=", operator.le)


def print_outcomes(outcomes: Sequence[Outcome]) -> None:
    width = max(len(outcome.name) for outcome in outcomes)
    print(f"\n{'':{width}}{'measured':>12}{'target':>14}")
    for outcome in outcomes:
        measured = f"{outcome.measured:.3f} {outcome.unit}".strip()
        target = f"{outcome.sign} {outcome.target:g} {outcome.unit}".strip()
        verdict = "met" if outcome.is_met else "NOT MET"
        print(f"{outcome.name:{width}}{measured:>12}{target:>14}  {verdict}")
