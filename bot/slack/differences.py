"""What an edit changed, in lines that a person reads before signing the new one off."""

from collections.abc import Iterator, Mapping, Sequence

from bot.slack.text import code, safe
from policies.model import Action, Clause, Decision, EffectKind, Proposal, Scalar

# Of a long value what stands around its first difference; the whole stands below on the card.
LONGEST, BEFORE = 120, 30


def differences(old: Proposal, new: Proposal) -> list[str]:
    """Return a line for each change: parameters first, then what follows from them."""
    before, after = old.action, new.action
    lines = list(_parameters(before.parameters, after.parameters))
    for name, was, now in (
        ("target", before.target, after.target),
        ("only if still so", _joined(before.preconditions), _joined(after.preconditions)),
        ("touches", ", ".join(old.blast_radius), ", ".join(new.blast_radius)),
        ("worst case", old.worst_case or "", new.worst_case or ""),
        ("expected", _expected(before), _expected(after)),
        ("undo", _undo(before), _undo(after)),
    ):
        if was != now:
            lines.append(f"{name}: {_shown(was, now)}")
    return lines + list(_decision(old.decision, new.decision))


def _parameters(was: Mapping[str, Scalar], now: Mapping[str, Scalar]) -> Iterator[str]:
    for name in dict.fromkeys((*was, *now)):
        if was.get(name) != now.get(name):
            shown = _shown(_text(was.get(name)), _text(now.get(name)))
            yield f"{safe(name)}: {shown}"


def _decision(was: Decision, now: Decision) -> Iterator[str]:
    if now.effect is not was.effect:
        said = "needs no sign-off now" if now.effect is EffectKind.AUTO else "needs a sign-off now"
        yield f"*{said}*"
    elif now.people != was.people:
        yield f"*needs {now.people} now instead of {was.people}*"
    if now.effect is was.effect and whom(was.clauses) != whom(now.clauses):
        yield f"*asks {whom(now.clauses)} now instead of {whom(was.clauses)}*"
    if now.rules != was.rules:
        gone = [rule for rule in was.rules if rule not in now.rules]
        come = [rule for rule in now.rules if rule not in was.rules]
        parts = [f"no longer {', '.join(map(code, gone))}"] if gone else []
        parts += [f"now also {', '.join(map(code, come))}"] if come else []
        if parts:
            yield f"rules: {'; '.join(parts)}"


def whom(clauses: Sequence[Clause]) -> str:
    """Return whom clauses ask: `1 of oncall and 2 of sre/operators`."""
    return " and ".join(f"{item.n} of {'/'.join(map(code, item.groups))}" for item in clauses)


def _shown(was: str, now: str) -> str:
    start = _first_difference(was, now) if max(len(was), len(now)) > LONGEST else 0
    return f"{_cut(was, start)} → {_cut(now, start)}"


def _first_difference(was: str, now: str) -> int:
    same = next((n for n, (a, b) in enumerate(zip(was, now, strict=False)) if a != b), None)
    return max(0, (min(len(was), len(now)) if same is None else same) - BEFORE)


def _cut(text: str, start: int) -> str:
    if not text:
        return "(nothing)"
    return code(("…" if start else "") + text[start:], LONGEST)


def _text(value: Scalar | None) -> str:
    return "" if value is None else str(value)


def _joined(items: tuple[object, ...]) -> str:
    return "; ".join(map(str, items))


def _expected(action: Action) -> str:
    return "" if action.expected_effect is None else action.expected_effect.sentence


def _undo(action: Action) -> str:
    return "can't be undone" if action.inverse is None else action.inverse.sentence
