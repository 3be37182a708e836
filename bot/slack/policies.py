"""`/signoff policy`: which rules are in force, what they decide and why, and how to change them."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from bot.names import vocabulary
from bot.policy import candidate
from bot.rulesets import changed, changed_limit
from bot.rulings import MARKS, because, explained, matrix_of, matrix_rows, ruling, table
from bot.slack import blocks as kit
from bot.slack.blocks import Block
from bot.slack.desk import Desk, reply
from bot.slack.rights import operator, reader, refuse
from bot.slack.text import bullets, code, day_time, escaped, person, safe
from bot.store.boxes import Letter, letter_done, letter_later
from bot.store.changes import Proposed, Wish, activation, propose, waiting_changes
from bot.store.decisions import decided_on
from bot.store.engine import Connection, StoreError, StoreUnavailable
from bot.store.ids import proposal_named
from bot.store.rules import stored
from policies.analysis import Cell
from policies.approvals import OPERATORS
from policies.comparison import Change
from policies.difference import Comparison, changed_rules
from policies.engine import RuleSet
from policies.explanation import explain
from policies.loader import PolicyError
from policies.model import Decided
from policies.space import TooLargeError

HELP = """*What you can ask about the rules*
`/signoff policy` shows which are in force, since when, by whom, and whether the files differ
`/signoff policy matrix [ENVIRONMENT]` shows what they decide, for each agent and tool
`/signoff policy explain PROPOSAL` says why a decision came out as it did, rule by rule
`/signoff policy diff` says what the rule files of the server would loosen and tighten
`/signoff policy propose` puts those files before the operators (operators only)"""
# Others wait behind it: a comparison that takes longer goes on beside them, and is looked for.
PATIENCE_S, LOOK_AGAIN_S, MOST_LOOKS = 0.5, 1.0, 60
# Below Slack's 4 000 characters of a text.
LONGEST = 3400
MOST_PROBLEMS = 15
Words = Sequence[str]
Handler = Callable[[Desk, Letter, Words], Awaitable[None]]
ALONE = f" Nobody else is in `{OPERATORS}`, so nobody can: let another one join first."
SOURCE = "Proposed with `/signoff policy propose`, from the rule files of the server."


async def run(desk: Desk, letter: Letter, words: Words) -> None:
    """Work off `/signoff policy …`."""
    name = words[0].lower() if words else ""
    handler = HANDLERS.get(name)
    voter, refusal = await reader(desk, letter)
    if refusal is not None:
        await refuse(desk, letter, voter, ("/signoff policy", "ask about the rules"), refusal)
    elif handler is None:
        await desk.answer(letter, f"I don't know {code(name, 40)}.\n{HELP}", "unknown subcommand")
    else:
        await handler(desk, letter, words[1:])


async def _answer(desk: Desk, letter: Letter, text: str, blocks: Sequence[Block] = ()) -> None:
    def unit(connection: Connection) -> None:
        if letter_done(connection, desk.context, letter.key, "policy"):
            reply(connection, desk.context, letter.body, text, blocks)

    await desk.context.database.write(unit)


async def _help(desk: Desk, letter: Letter, words: Words) -> None:
    del words
    await _answer(desk, letter, HELP)


async def _standing(desk: Desk, letter: Letter, words: Words) -> None:
    if words:
        await _answer(desk, letter, HELP)
        return
    rules = desk.rule_sets.rules()
    lines = [f"*Policy* `{rules.version}` is in force: {len(rules.rules)} rules."]
    found = await desk.context.database.read(activation)
    if found is not None and found.on_behalf_of is None:
        lines.append(f"Since {day_time(found.at)}: the first one, from the files.")
    elif found is not None:
        people = ", ".join(person(one) for one in str(found.on_behalf_of).split(", "))
        card = "" if found.proposal_id is None else f", proposal {code(found.proposal_id)}"
        lines.append(f"Since {day_time(found.at)}, signed off by {people}{card}.")
    waiting = await desk.context.database.read(waiting_changes)
    lines += [f"A change waits for a sign-off: {code(proposal_id)}." for proposal_id in waiting]
    lines.append(await _files(desk, rules))
    await _answer(desk, letter, "\n".join(lines))


async def _files(desk: Desk, rules: RuleSet) -> str:
    offered = await _offered(desk)
    if isinstance(offered, str):
        return offered
    if offered.version == rules.version:
        return "The rule files of the server are the same."
    count = len(changed_rules(rules, offered))
    return (
        f"The rule files of the server (`{offered.version}`) differ in {count} rules, and are not"
        " used: `/signoff policy diff` says how, `/signoff policy propose` puts them before the"
        " operators."
    )


async def _offered(desk: Desk) -> RuleSet | str:
    """Return the rules of the files, or in words what is wrong with them."""
    try:
        return await asyncio.to_thread(candidate, desk.policy_dir, vocabulary())
    except PolicyError as error:
        shown = [code(str(problem), 300) for problem in error.problems[:MOST_PROBLEMS]]
        left = len(error.problems) - len(shown)
        if left:
            shown.append(f"and {left} more: `signoff policy check` on the server prints all")
        return "*The rule files of the server do not load*, and are not used:\n" + bullets(shown)


async def _matrix(desk: Desk, letter: Letter, words: Words) -> None:
    rules = desk.rule_sets.rules()
    cells = await asyncio.to_thread(matrix_of, rules, desk.config)
    places = sorted({cell.environment for cell in cells})
    if len(words) > 1 or (words and words[0] not in places):
        known = ", ".join(code(place, 60) for place in places)
        text = f"ENVIRONMENT: I don't know {code(' '.join(words), 60)}. Write one of {known}."
        await _answer(desk, letter, text)
        return
    if words:
        cells = [cell for cell in cells if cell.environment == words[0]]
    await _answer(desk, letter, *_shown_matrix(rules, cells))


def _shown_matrix(rules: RuleSet, cells: Sequence[Cell]) -> tuple[str, list[Block]]:
    rows = matrix_rows(cells)
    shown = rows[: kit.ROWS]
    while sum(len(cell) for row in shown for cell in row) > kit.TABLE_TEXT:
        shown = shown[:-1]
    head = (
        f"*Policy* `{rules.version}`, in the ordinary case (small amount, sure, not paused,"
        " untainted)"
    )
    more = (
        "There are more rows: name an environment, as in `/signoff policy matrix production`, or"
        " run `signoff policy matrix` on the server."
    )
    blocks = [kit.section(head), kit.table(shown)]
    if len(shown) < len(rows):
        blocks.append(kit.context([more]))
    # For a Slack that shows no table, and for those to whom it is read aloud.
    return f"{head}\n{_pre(table(rows), more)}", blocks


async def _explain(desk: Desk, letter: Letter, words: Words) -> None:
    proposal_id = proposal_named(words[0]) if len(words) == 1 else ""
    rules = desk.rule_sets.rules()

    def unit(connection: Connection) -> tuple[Decided | None, RuleSet | None]:
        decided = decided_on(connection, proposal_id)
        version = "" if decided is None else decided.decision.policy_version
        return decided, stored(connection, version, rules) if version else None

    decided, then = await desk.context.database.read(unit)
    if decided is None:
        text = "PROPOSAL: write the id on a card, as in `/signoff policy explain T-7K3F9Q2A-1`."
        await _answer(desk, letter, text)
        return
    decision = decided.decision
    lines = [f"*{code(proposal_id)}*: it {safe(ruling(decision))} ({safe(because(decision))})."]
    if decided.facts is None:
        lines.append("The facts of this decision were not recorded, so no rule can be asked again.")
        await _answer(desk, letter, "\n".join(lines))
        return
    asked = then or rules
    if asked.version != decision.policy_version:
        lines.append(f"Policy `{decision.policy_version}` is not kept; this is the one in force.")
    lines.append(f"Policy `{asked.version}`:")
    more = f"… the rest: `signoff policy explain {proposal_id}` on the server"
    lines.append(_pre(explained(explain(decided.facts, asked)), more))
    await _answer(desk, letter, "\n".join(lines))


async def _diff(desk: Desk, letter: Letter, words: Words) -> None:
    del words
    rules, offered = desk.rule_sets.rules(), await _offered(desk)
    if isinstance(offered, str):
        await _answer(desk, letter, offered)
        return
    if offered.version == rules.version:
        await _answer(desk, letter, "The rule files of the server are the rules in force.")
        return
    text = await _compared(desk, rules, offered)
    if text is None and letter.attempts < MOST_LOOKS:
        await desk.context.database.write(
            lambda connection: letter_later(connection, desk.context, letter, LOOK_AGAIN_S)
        )
        return
    text = text or "comparing takes too long here: run `signoff policy diff` on the server."
    await _answer(desk, letter, f"`{rules.version}` -> `{offered.version}`: {text}")


async def _compared(desk: Desk, rules: RuleSet, offered: RuleSet) -> str | None:
    """Return what differs in words; None while that is still being found out."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            found = await desk.rule_sets.comparison(rules, offered)
    except TimeoutError:
        return None
    except TooLargeError as error:
        return f"they can't be compared, which counts as looser: {safe(str(error))}."
    return difference_text(found)


def difference_text(found: Comparison) -> str:
    """Return every difference in words, as far as an answer can hold them; the looser first."""
    if not found.differences and not found.limits:
        return "nothing is decided differently."
    head = f"{found.looser} looser, {found.tighter} tighter."
    parts: list[str] = []
    marked = [(MARKS[one.change], changed(one)) for one in found.differences]
    marked += [
        (MARKS[Change.LOOSER if one.is_looser else Change.TIGHTER], changed_limit(one))
        for one in found.limits
    ]
    marked.sort(key=lambda pair: not pair[1].is_looser)
    for mark, words in marked:
        part = (
            f"*{mark}*: {code(words.rules, 200)}\n• was: it {safe(words.was, 300)}"
            f"\n• now: it {safe(words.now, 300)}\n• for example: {safe(words.example, 300)}"
        )
        if len(head) + sum(map(len, parts)) + len(part) > LONGEST:
            left = len(marked) - len(parts)
            parts.append(f"… and {left} more: `signoff policy diff active DIR` on the server.")
            break
        parts.append(part)
    return "\n".join([head, *parts])


async def _propose(desk: Desk, letter: Letter, words: Words) -> None:
    voter, refusal = await operator(desk, letter)
    if refusal is not None:
        deed = ("/signoff policy propose", "propose rules")
        await refuse(desk, letter, voter, deed, refusal)
        return
    channel, offered = desk.config.operators_channel, await _offered(desk)
    if isinstance(offered, str) or words:
        await _answer(desk, letter, offered if isinstance(offered, str) else HELP)
        return
    if channel is None:
        text = "There is no channel for it: set `defaults.channel` in `signoff.yaml`."
        await _answer(desk, letter, text)
        return
    wish = Wish(rules=offered, author=voter.id, channel=channel, source=SOURCE)
    members = await desk.directory.memberships([OPERATORS])
    is_alone = not any(found.members - {voter.id} for found in members.values())

    def unit(connection: Connection) -> None:
        if not letter_done(connection, desk.context, letter.key, "policy proposed"):
            return
        found = propose(connection, desk.context, wish)
        text = _said(found, channel) + (ALONE if is_alone and found.task_id else "")
        reply(connection, desk.context, letter.body, text)

    try:
        await desk.context.database.write(unit)
    except StoreUnavailable:
        # Not now: the letter is worked off later.
        raise
    except StoreError as error:
        await _answer(desk, letter, f"Not proposed: {safe(str(error))}.")


def _said(found: Proposed, channel: str) -> str:
    if found.task_id is None:
        return f"Nothing changes: policy `{found.version}` is in force already."
    if not found.is_new:
        what = found.proposal_id or found.task_id
        return f"Policy `{found.version}` waits for a sign-off already: `{what}` in <#{channel}>."
    return (
        f"Proposed: policy `{found.version}` in the place of `{found.replaces}`, task"
        f" `{found.task_id}`. The card comes in <#{channel}>; you can't sign it off yourself."
    )


def _pre(lines: Sequence[str], more: str) -> str:
    """Return lines as they are, as many as fit; `more` says where the others are."""
    shown: list[str] = []
    for line in lines:
        safe_line = escaped(line).replace("`", "'")
        if sum(map(len, shown)) + len(shown) + len(safe_line) > LONGEST - 400:
            break
        shown.append(safe_line)
    text = "```" + "\n".join(shown) + "```"
    return text if len(shown) == len(lines) else f"{text}\n{more}"


HANDLERS: Mapping[str, Handler] = {
    "": _standing,
    "help": _help,
    "matrix": _matrix,
    "explain": _explain,
    "diff": _diff,
    "propose": _propose,
}
