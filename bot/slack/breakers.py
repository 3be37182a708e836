"""What `signoff doctor` says of the people who may act without a sign-off."""

from slack_sdk.web.async_client import AsyncWebClient

from bot.findings import Finding, bad, good, look
from bot.settings import Settings
from bot.slack.sender import NO_ANSWER
from policies.approvals import BREAK_GLASS

SUBJECT = f"groups.{BREAK_GLASS}"
# More than that is no exception any more.
MOST = 5


async def glass_findings(settings: Settings, client: AsyncWebClient | None) -> list[Finding]:
    """Say who may break the glass; without the group nobody may."""
    group = settings.config.groups.get(BREAK_GLASS)
    if group is None:
        return [good(SUBJECT, "not defined: nobody can act without a sign-off")]
    members = group.users or ()
    if group.usergroup is not None:
        if client is None:
            return []
        try:
            answer = await client.usergroups_users_list(usergroup=group.usergroup)
        except NO_ANSWER:
            return [bad(SUBJECT, f"can't be read ({group.usergroup}): nobody can break the glass")]
        members = tuple(answer.get("users") or ())
    if not members:
        return [look(SUBJECT, "is empty: nobody can break the glass; name people, or remove it")]
    names = ", ".join(members[:20])
    if len(members) > MOST:
        words = f"{len(members)} people may act without a sign-off ({names}); keep it to {MOST}"
        return [look(SUBJECT, words)]
    return [good(SUBJECT, f"may act without a sign-off: {names}")]
