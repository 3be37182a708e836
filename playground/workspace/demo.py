"""The workspace of the demo: Ana, Ben and Mia, their groups and channels, with the bot in them."""

from collections.abc import Collection

from playground.workspace.delivery import Patience
from playground.workspace.model import ALL_SCOPES, Channel, Clock, Subscriptions, User, UserGroup
from playground.workspace.workspace import BOT_USER_ID, Workspace

PEOPLE = {"U0ANA": "Ana", "U0BEN": "Ben", "U0MIA": "Mia"}
GROUPS = (
    ("S0ONCALL", "oncall", "On-call", ("U0ANA", "U0BEN")),
    ("S0MARKETING", "marketing", "Marketing", ("U0MIA", "U0BEN")),
    ("S0OPERATORS", "operators", "Operators", ("U0ANA",)),
)
CHANNELS = (
    ("C0INCIDENTS", "incidents", "Alerts, what was found, and what is waiting for a sign-off"),
    ("C0MARKETING", "marketing", "Campaigns from the brief to the report"),
    ("C0OPERATIONS", "operations", "Pauses, freezes and checkpoints of the ledger"),
)


def demo_workspace(
    clock: Clock,
    bot_token: str,
    app_token: str,
    *,
    scopes: Collection[str] = ALL_SCOPES,
    subscriptions: Subscriptions | None = None,
    patience: Patience | None = None,
) -> Workspace:
    """Return a workspace with three people, three public channels and one without the bot."""
    workspace = Workspace(
        clock, bot_token, app_token, scopes=scopes, subscriptions=subscriptions, patience=patience
    )
    populate(workspace)
    return workspace


def populate(workspace: Workspace) -> None:
    """Put the people, groups and channels of the demo into an empty workspace."""
    state = workspace.state
    for user_id, name in PEOPLE.items():
        state.users[user_id] = User(id=user_id, name=name.lower(), real_name=name)
    for group_id, handle, name, users in GROUPS:
        state.groups[group_id] = UserGroup(id=group_id, handle=handle, name=name, users=list(users))
    everybody = {*PEOPLE, BOT_USER_ID}
    for channel_id, name, topic in CHANNELS:
        state.add_channel(Channel(id=channel_id, name=name, members=set(everybody), topic=topic))
    private = Channel(
        id="C0PRIVATE", name="board", members={"U0ANA", "U0MIA"}, topic="Private", is_private=True
    )
    state.add_channel(private)
    for user_id in PEOPLE:
        state.direct(user_id)
