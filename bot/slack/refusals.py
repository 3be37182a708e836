"""What a person is told when a click or command changes nothing: what happened, and what to do."""

from bot.slack.text import person
from policies.approvals import OPERATORS, Refusal
from policies.model import Proposal
from policies.standing import is_asked_by_system

WORDS = {
    Refusal.IS_BOT: "Bots and deactivated accounts can't decide anything.",
    Refusal.IS_GUEST: "Guests can't decide anything here. Ask a full member.",
    Refusal.IS_REQUESTER: "You asked for this, so somebody else has to sign it off.",
    Refusal.NOT_IN_GROUP: "Only members of {groups} can decide this. Ask one of them.",
    Refusal.GROUP_UNREADABLE: "I can't read right now who is in {groups}, so nobody can decide."
    " Try again in a minute; if it stays so, run `signoff doctor`.",
    Refusal.PERSON_UNREADABLE: "Slack does not tell me right now who you are. Try again in a"
    " minute.",
    Refusal.ALREADY_DECIDED: "This was decided already; the card shows how.",
    Refusal.ALREADY_VOTED: "Your vote is counted already. It needs somebody else, too.",
    Refusal.EXPIRED: "This has expired; no answer was a no. Ask for it again with `/triage` or"
    " `/launch-campaign`.",
    Refusal.OLD_CARD: "This card is not the newest: the proposal was edited. Use the card below.",
    Refusal.OTHER_CARD: "This button does not belong to that card. Nothing was changed; if you"
    " did not do anything unusual, tell your operators.",
    Refusal.REASON_MISSING: "A rejection needs a reason. Press Reject… again and write one line.",
    Refusal.WINDOW_CLOSED: "The time for undoing it with one click is over. Undo it where it was"
    " done, or ask for a new proposal.",
    Refusal.NO_INVERSE: "This can't be undone.",
    Refusal.NOT_REQUESTER: "Only {asker} can withdraw this. If it should not be done, press Reject…"
    " or ask them.",
    Refusal.ALREADY_BEGUN: "This has begun already, so it can't be withdrawn. The card shows how it"
    " goes on; what can be undone gets a Roll back button.",
    Refusal.NEWER_VERSION: "A newer version of Signoff made this card, and the one that runs now"
    " does not know how it goes on. Nothing was changed. Ask your operators to start the newer"
    " version, then press again.",
}


def words(refusal: Refusal, proposal: Proposal | None) -> str:
    """Return the answer to a refused click, with its reason code."""
    groups, rules = "the approving group", ""
    if proposal is not None and proposal.decision.groups:
        groups = " or ".join(f"`{name}`" for name in proposal.decision.groups)
        rules = ", rule " + ", ".join(f"`{rule}`" for rule in proposal.decision.rules)
    asker = "whoever asked for it" if proposal is None else _asker(proposal)
    return f"{WORDS[refusal].format(groups=groups, asker=asker)} ({refusal}{rules})"


def _asker(proposal: Proposal) -> str:
    people = [person(name) for name in proposal.requesters]
    if is_asked_by_system(proposal):
        people.append(f"a member of `{OPERATORS}`")
    return " or ".join(people) or "whoever asked for it"
