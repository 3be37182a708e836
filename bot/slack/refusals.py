"""What a person is told when a click or command changes nothing: what happened, and what to do."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from bot.slack.again import of_proposal
from bot.slack.groups import Mentions, any_of, named
from bot.slack.text import person, safe
from policies.approvals import BREAK_GLASS, OPERATORS, Refusal
from policies.model import Proposal
from policies.standing import is_asked_by_system

WORDS = {
    Refusal.IS_BOT: "Bots and deactivated accounts can't decide anything.",
    Refusal.IS_GUEST: "Guests can't decide anything here. Ask a member of {groups}.",
    Refusal.IS_REQUESTER: "You asked for this, so somebody else has to sign it off: ask a member of"
    " {others}.",
    Refusal.NOT_IN_GROUP: "Only members of {groups} can decide this. Ask one of them.",
    Refusal.GROUP_UNREADABLE: "I can't read right now who is in {groups}, so nobody can decide."
    " Try again in a minute; if it stays so, run `signoff doctor`.",
    Refusal.PERSON_UNREADABLE: "Slack does not tell me right now who you are. Try again in a"
    " minute.",
    Refusal.ALREADY_DECIDED: "This was decided already; the card shows how.",
    Refusal.ALREADY_VOTED: "Your vote is counted already. It needs somebody else, too: ask another"
    " member of {others}.",
    Refusal.EXPIRED: "This has expired; no answer was a no. To ask for it again: {again}",
    Refusal.OLD_CARD: "This card is not the newest: the proposal was edited. Use the card below.",
    Refusal.OTHER_CARD: "This button does not belong to that card. Nothing was changed; if you"
    " did not do anything unusual, tell your operators.",
    Refusal.REASON_MISSING: "This needs a reason. Press the button again, and choose one or write"
    " one line.",
    Refusal.WINDOW_CLOSED: "The time for undoing it with one click is over. Press Propose to undo…"
    " on its card: somebody signs that off.",
    Refusal.WINDOW_OPEN: "It can still be undone with one click: press Roll back on its card.",
    Refusal.ALREADY_PROPOSED: "That is proposed already. Use the card below.",
    Refusal.NO_INVERSE: "This can't be undone.",
    Refusal.NOT_REQUESTER: "Only {asker} can withdraw this. If it should not be done, press Reject…"
    " or ask them.",
    Refusal.ALREADY_BEGUN: "This has begun already, so it can't be withdrawn. The card shows how it"
    " goes on; what can be undone gets a Roll back button.",
    Refusal.NOT_IN_BREAK_GLASS: "Only members of {glass} can act alone. Ask one of them, or those"
    " whose sign-off the card asks for: {groups}.",
    Refusal.RULES_DENY: "The rules deny this, and the glass can't be broken for what they deny. Ask"
    " for something that they allow.",
    Refusal.RULES_CHANGE: "The glass can't be broken for a change of the rules. Ask operators other"
    " than its author, who sign it off: {operators}.",
    Refusal.FROZEN: "This is frozen, so nothing was changed. Ask a member of {operators} to lift"
    " it with `/signoff unfreeze … REASON`.",
    Refusal.SIGNOFF_PAUSED: "Signoff is paused, so nothing was changed. Press again after a member"
    " of {operators} has written `/signoff resume REASON`.",
    Refusal.NOT_OPERATOR: "Only members of {operators} can answer this. Ask one of them.",
    Refusal.IS_BREAKER: "You broke the glass, so somebody else has to review it: another member of"
    " {operators}.",
    Refusal.TOO_MANY_EDITS: "This was edited so often that nobody can follow any more. Withdraw or"
    " reject it, and ask anew: {again}",
    Refusal.NOT_EDITABLE: "Nothing of this can be edited. Withdraw or reject it, and ask anew:"
    " {again}",
    Refusal.EDIT_IMPOSSIBLE: "With these values it can't be done. The proposal stands as it was;"
    " press Edit… again with others.",
    Refusal.NEWER_VERSION: "A newer version of Signoff made this card, and the one that runs now"
    " does not know how it goes on. Nothing was changed. Ask your operators to start the newer"
    " version, then press again.",
    Refusal.OTHER_WORKSPACE: "Only members of this workspace can do this. Ask one of them.",
}


UNKNOWN_GROUP = "the approving group"
NO_MENTIONS: Mentions = MappingProxyType({})


def to_command(refusal: Refusal, deed: str, mentions: Mentions = NO_MENTIONS) -> str:
    """Return the answer to a refused command; `deed` is what it would have done, like `resume`."""
    operators = named(OPERATORS, mentions)
    said = {
        Refusal.NOT_IN_GROUP: f"Only members of {operators} can {deed}. Ask one of them.",
        Refusal.GROUP_UNREADABLE: f"I can't read who is in {operators}, so nobody can {deed}."
        " Try again in a minute; if it stays so, run `signoff doctor`.",
        Refusal.IS_GUEST: f"Only full members can {deed}. Ask one of them.",
        Refusal.IS_BOT: f"Only full members can {deed}; bots and deactivated accounts can't.",
    }.get(refusal)
    return f"{said or WORDS[refusal].format(**_names(None, mentions))} ({refusal})"


def words(
    refusal: Refusal,
    proposal: Proposal | None,
    groups_needed: Sequence[str] = (),
    mentions: Mentions = NO_MENTIONS,
) -> str:
    """Return the answer to a refused click, with its reason code.

    `groups_needed` are those beside the groups of the proposal that its button asks for.
    """
    names, rules = _names(proposal, mentions), ""
    if proposal is not None and proposal.decision.groups:
        rules = ", rule " + ", ".join(f"`{rule}`" for rule in proposal.decision.rules)
    if groups_needed and refusal is Refusal.GROUP_UNREADABLE:
        names, rules = {**names, "groups": any_of(groups_needed, mentions)}, ""
    return f"{WORDS[refusal].format(**names)} ({refusal}{rules})"


def shown_back(written: str) -> str:
    """Return what somebody wrote in vain, so that it is not lost; nothing where they did not."""
    return f"\nYou wrote: {safe(written, 600)}" if written.strip() else ""


def _names(proposal: Proposal | None, mentions: Mentions) -> Mapping[str, str]:
    """Return whom the words may name: the groups, and those of their members who may sign off."""
    groups = () if proposal is None else proposal.decision.groups
    may_not = () if proposal is None or proposal.decision.self_approval else proposal.requesters
    askers = tuple(map(person, may_not))
    return {
        "groups": any_of(groups, mentions) or UNKNOWN_GROUP,
        "others": any_of(groups, mentions, askers) or UNKNOWN_GROUP,
        "operators": named(OPERATORS, mentions),
        "glass": named(BREAK_GLASS, mentions),
        "again": of_proposal(proposal),
        "asker": "whoever asked for it" if proposal is None else _asker(proposal, mentions),
    }


def _asker(proposal: Proposal, mentions: Mentions) -> str:
    people = [person(name) for name in proposal.requesters]
    if is_asked_by_system(proposal):
        people.append(f"a member of {named(OPERATORS, mentions)}")
    return " or ".join(people) or "whoever asked for it"
