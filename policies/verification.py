"""Judges a measurement after an action against what the action promised."""

from decimal import Decimal, InvalidOperation

from policies.model import Comparator, ExpectedEffect, Verdict

# A reading this much further from the goal than before the action counts as worse.
WORSE_RATIO = Decimal("1.2")


def judge(effect: ExpectedEffect, baseline: str | None, measured: str | None) -> Verdict:
    """Say what one measurement means; `baseline` was measured just before the action.

    No measurement, or one that does not compare, is unknown.
    """
    if measured is None:
        return Verdict.UNKNOWN
    if effect.comparator is Comparator.EQ:
        return _judge_equal(effect.value, baseline, measured)
    now, goal = _number(measured), _number(effect.value)
    if now is None or goal is None:
        return Verdict.UNKNOWN
    wants_less = effect.comparator is Comparator.LE
    if (now <= goal) if wants_less else (now >= goal):
        return Verdict.WORKED
    before = None if baseline is None else _number(baseline)
    if before is not None and _is_worse(before, now, wants_less):
        return Verdict.WORSE
    return Verdict.NO_CHANGE


def _judge_equal(wanted: str, baseline: str | None, measured: str) -> Verdict:
    if measured == wanted:
        return Verdict.WORKED
    return Verdict.NO_CHANGE if measured == baseline else Verdict.WORSE


def _is_worse(before: Decimal, now: Decimal, wants_less: bool) -> bool:
    return now > before * WORSE_RATIO if wants_less else now * WORSE_RATIO < before


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
