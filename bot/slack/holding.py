"""Clicks that hold an incident's campaigns, and that lift the hold; worked off the inbox."""

from agents.campaign.agent import PAUSE
from agents.report import Lead, Report
from agents.tasks import NewTask, TaskKind
from bot.slack.clicks import CARD_POLL_S, clicked, is_too_early
from bot.slack.desk import Desk, reply
from bot.slack.leads import HOLD, LIFT, key, key_after
from bot.slack.namesakes import ENVIRONMENT
from bot.slack.refusals import WORDS, to_command
from bot.slack.rights import member, operator
from bot.slack.switches import anchor_of, begins
from bot.slack.text import code
from bot.store.boxes import Letter, letter_done
from bot.store.engine import Connection
from bot.store.freezes import Campaign, hold_campaigns, lift_holds
from bot.store.holds import clicked_task, report_of
from bot.store.notices import Order
from bot.store.tasks import create_task
from bot.store.votes import Click, refused
from policies.approvals import Refusal
from policies.model import DEFAULT_TENANT, Actor, ActorKind

# More at once would flood the channel with proposals; the others stay held.
MOST_PAUSES = 10


def is_ours(letter: Letter) -> bool:
    """Say whether a click is on one of the two buttons."""
    return str(letter.body["actions"][0].get("action_id")) in {HOLD, LIFT}


async def act(desk: Desk, letter: Letter) -> float | None:
    """Work off a click; a number means: try again in so many seconds."""
    action = letter.body["actions"][0]
    task_id, is_hold = str(action.get("value", "")), action.get("action_id") == HOLD
    voter, refusal = await (member if is_hold else operator)(desk, letter)
    click = clicked(letter.body, voter, "", "")
    if await is_too_early(desk, letter, click):
        return CARD_POLL_S
    deed = "hold campaigns" if is_hold else "lift a hold"
    own = key(task_id) if is_hold else key_after(task_id)

    def unit(connection: Connection) -> None:
        if not letter_done(connection, desk.context, letter.key, "worked off"):
            return
        is_there = clicked_task(connection, click.channel, click.message_ts, own) == task_id
        because = refusal if is_there else Refusal.OTHER_CARD
        if because is not None:
            refused(connection, desk.context, click, None, because)
            is_other = because is Refusal.OTHER_CARD
            text = WORDS[because] if is_other else to_command(because, deed, desk.mentions)
        elif is_hold:
            text = _held(desk, connection, (task_id, click))
        else:
            text = _lifted(desk, connection, (task_id, click))
        reply(connection, desk.context, letter.body, text)

    await desk.context.database.write(unit)
    desk.context.boundary("switch.stored")
    return None


def _held(desk: Desk, connection: Connection, wanted: tuple[str, Click]) -> str:
    """Hold what the report names, not what the click says, and propose to pause what runs."""
    task_id, click = wanted
    report = report_of(connection, task_id)
    found = Report.model_validate_json(report).campaigns if report else ()
    order = Order(person=click.voter.id, reason="", anchor=anchor_of(desk))
    campaigns = [_campaign(lead) for lead in found]
    fresh = hold_campaigns(connection, desk.context, order, campaigns, task_id)
    if not fresh:
        return "These campaigns are held already."
    own = {campaign.key for campaign in fresh}
    running = [lead for lead in found if lead.is_running and lead.id in own][:MOST_PAUSES]
    for lead in running:
        create_task(connection, desk.context, _pausing(lead, click, task_id))
    names = ", ".join(code(campaign.name) for campaign in fresh[:MOST_PAUSES])
    asked = ", ".join(code(lead.name) for lead in running)
    more = f" A pause of {asked} is proposed in this channel." if running else ""
    others = f" and {len(fresh) - MOST_PAUSES} more" if len(fresh) > MOST_PAUSES else ""
    return f"Held: {names}{others}. Signoff changes nothing about them.{more}"


def _lifted(desk: Desk, connection: Connection, wanted: tuple[str, Click]) -> str:
    task_id, click = wanted
    order = Order(person=click.voter.id, reason="", anchor=anchor_of(desk))
    lifted = lift_holds(connection, desk.context, order, task_id)
    if not lifted:
        return "Nothing is held for this incident any more."
    names = ", ".join(code(halt.name) for halt in lifted[:MOST_PAUSES])
    others = f" and {len(lifted) - MOST_PAUSES} more" if len(lifted) > MOST_PAUSES else ""
    return f"Lifted: {names}{others}. {begins(desk, connection, lifted)}"


def _campaign(lead: Lead) -> Campaign:
    return Campaign(platform=lead.platform, key=lead.id, name=lead.name)


def _pausing(lead: Lead, click: Click, task_id: str) -> NewTask:
    return NewTask(
        kind=TaskKind.CAMPAIGN,
        tenant=DEFAULT_TENANT,
        group_key=f"campaign:pause:{lead.id}",
        environment=ENVIRONMENT,
        target=lead.id,
        title=f"Pause campaign {lead.name}",
        requester=Actor(kind=ActorKind.HUMAN, id=click.voter.id),
        channel=click.channel,
        spec={
            "intent": PAUSE,
            "campaign_id": lead.id,
            "reason": f"It leads to what the incident {task_id} is about.",
        },
    )
