"""The Web API methods about who there is: auth.test, users.*, bots.info, and api.test."""

from playground.workspace.context import Context
from playground.workspace.conversations import page
from playground.workspace.model import ApiError, Json
from playground.workspace.shapes import email_of, user_json


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


def api_test(_context: Context, args: Json) -> Json:
    """Serve api.test: the arguments come back, and `error` is answered as one."""
    sent = {name: value for name, value in args.items() if name != "token"}
    if args.get("error"):
        raise ApiError(str(args["error"]), args=sent)
    return {"args": sent}


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
    # Without a limit Slack tries to give everybody (users.list's page).
    found, cursor = page(everybody, args, len(everybody))
    return {"members": found, "response_metadata": {"next_cursor": cursor}}


def by_email(context: Context, args: Json) -> Json:
    """Serve users.lookupByEmail."""
    wanted = str(args.get("email") or "").lower()
    for user in context.state.users.values():
        if wanted and email_of(user) == wanted and not user.is_deleted:
            return {"user": user_json(context.state, user)}
    raise ApiError("users_not_found")


def profile(context: Context, args: Json) -> Json:
    """Serve users.profile.get: the bot's own unless `user` says whose."""
    user = context.state.user(args.get("user") or context.state.app.user_id)
    found: Json = user_json(context.state, user)["profile"]
    return {"profile": found}


def presence(context: Context, args: Json) -> Json:
    """Serve users.getPresence: the bot's own unless `user` says whose."""
    user = context.state.user(args.get("user") or context.state.app.user_id)
    return {"presence": "away" if user.is_away else "active"}


def set_presence(context: Context, args: Json) -> Json:
    """Serve users.setPresence: the bot's own."""
    if args.get("presence") not in ("auto", "away"):
        raise ApiError("invalid_presence")
    context.state.users[context.state.app.user_id].is_away = args["presence"] == "away"
    return {}


def bot_info(context: Context, args: Json) -> Json:
    """Serve bots.info."""
    app = context.state.app
    if args.get("bot") not in (None, app.bot_id):
        raise ApiError("bot_not_found")
    bot = {"id": app.bot_id, "deleted": False, "name": app.name, "app_id": app.id}
    return {"bot": {**bot, "user_id": app.user_id, "icons": {}}}
