"""The Web API methods about who there is: auth.test, users.*, usergroups.*, bots.info."""

from playground.workspace.context import Context
from playground.workspace.conversations import is_true, page
from playground.workspace.model import ApiError, Json
from playground.workspace.shapes import group_json, user_json


def auth_test(context: Context, _args: Json) -> Json:
    """Serve auth.test."""
    state = context.state
    return {
        "url": f"{context.base_url}/",
        "team": state.team.name,
        "user": state.users[state.app.user_id].name,
        "team_id": state.team.id,
        "user_id": state.app.user_id,
        "bot_id": state.app.bot_id,
        "is_enterprise_install": False,
    }


def open_connection(context: Context, _args: Json) -> Json:
    """Serve apps.connections.open: a ticket for one socket."""
    base = context.base_url.replace("http", "ws", 1)
    return {"url": f"{base}/socket?ticket={context.delivery.new_ticket()}"}


def user_info(context: Context, args: Json) -> Json:
    """Serve users.info."""
    return {"user": user_json(context.state, context.state.user(args.get("user")))}


def user_list(context: Context, args: Json) -> Json:
    """Serve users.list."""
    everybody = [user_json(context.state, user) for user in context.state.users.values()]
    found, cursor = page(everybody, args)
    return {"members": found, "response_metadata": {"next_cursor": cursor}}


def group_list(context: Context, args: Json) -> Json:
    """Serve usergroups.list."""
    include_users = is_true(args.get("include_users"))
    groups = context.state.groups.values()
    return {
        "usergroups": [
            group_json(context.state, group, include_users=include_users) for group in groups
        ]
    }


def group_users(context: Context, args: Json) -> Json:
    """Serve usergroups.users.list."""
    group = context.state.groups.get(str(args.get("usergroup")))
    if group is None:
        raise ApiError("no_such_subteam")
    return {"users": list(group.users)}


def bot_info(context: Context, args: Json) -> Json:
    """Serve bots.info."""
    app = context.state.app
    if args.get("bot") not in (None, app.bot_id):
        raise ApiError("bot_not_found")
    bot = {"id": app.bot_id, "deleted": False, "name": app.name, "app_id": app.id}
    return {"bot": {**bot, "user_id": app.user_id, "icons": {}}}
