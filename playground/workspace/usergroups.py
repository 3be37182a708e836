"""The Web API methods usergroups.*: which groups there are, and who is in them."""

from playground.workspace.context import Context
from playground.workspace.conversations import is_true
from playground.workspace.model import ApiError, Json, UserGroup
from playground.workspace.shapes import group_json


def list_all(context: Context, args: Json) -> Json:
    """Serve usergroups.list."""
    users, count = is_true(args.get("include_users")), is_true(args.get("include_count"))
    shown = [
        group_json(context.state, group, users=users, count=count)
        for group in context.state.groups.values()
        if not group.disabled_at or is_true(args.get("include_disabled"))
    ]
    return {"usergroups": shown}


def _group(context: Context, args: Json) -> UserGroup:
    group = context.state.groups.get(str(args.get("usergroup")))
    if group is None:
        raise ApiError("no_such_subteam")
    return group


def enable(context: Context, args: Json) -> Json:
    """Serve usergroups.enable."""
    group = _group(context, args)
    group.disabled_at = 0
    return _told(context, group, args)


def disable(context: Context, args: Json) -> Json:
    """Serve usergroups.disable: the group is kept, and listed on demand only."""
    group = _group(context, args)
    group.disabled_at = int(context.state.clock.now().timestamp())
    return _told(context, group, args)


def users(context: Context, args: Json) -> Json:
    """Serve usergroups.users.list."""
    group = _group(context, args)
    if group.disabled_at and not is_true(args.get("include_disabled")):
        raise ApiError("no_such_subteam")
    return {"users": list(group.users)}


def _told(context: Context, group: UserGroup, args: Json) -> Json:
    context.state.feed.publish("usergroups")
    count = is_true(args.get("include_count"))
    return {"usergroup": group_json(context.state, group, users=True, count=count)}


def _free_handle(context: Context, handle: object, own: UserGroup | None = None) -> str:
    wanted = str(handle or "")
    state = context.state
    # "Must be unique among channels, users and User Groups" (usergroups.create's page).
    taken = {group.handle for group in state.groups.values() if group is not own}
    taken |= {user.name for user in state.users.values()}
    taken |= {channel.name for channel in state.channels.values()}
    if wanted in taken:
        raise ApiError("handle_already_exists")
    return wanted


def create(context: Context, args: Json) -> Json:
    """Serve usergroups.create; a group begins without members."""
    name = str(args.get("name") or "")
    if not name:
        raise ApiError("missing_argument")
    if any(group.name == name for group in context.state.groups.values()):
        raise ApiError("name_already_exists")
    handle = _free_handle(context, args.get("handle") or name.lower().replace(" ", "-"))
    group = UserGroup(
        id=context.state.new_id("S"),
        handle=handle,
        name=name,
        users=[],
        description=str(args.get("description") or ""),
    )
    context.state.groups[group.id] = group
    return _told(context, group, args)


def update(context: Context, args: Json) -> Json:
    """Serve usergroups.update: name, handle and description, each where it is given."""
    group = _group(context, args)
    if args.get("handle"):
        group.handle = _free_handle(context, args["handle"], group)
    group.name = str(args.get("name") or group.name)
    group.description = str(args.get("description") or group.description)
    return _told(context, group, args)


def update_users(context: Context, args: Json) -> Json:
    """Serve usergroups.users.update: the whole list anew."""
    group = _group(context, args)
    given = args.get("users")
    names = given if isinstance(given, list) else str(given or "").split(",")
    wanted = [str(name).strip() for name in names if str(name).strip()]
    if not wanted:
        raise ApiError("no_users_provided")
    if any(name not in context.state.users for name in wanted):
        raise ApiError("invalid_users")
    group.users = list(dict.fromkeys(wanted))
    return _told(context, group, args)
