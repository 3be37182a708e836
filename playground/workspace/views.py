"""The Web API methods views.*: modals on a person's screen and the home tab."""

import json
import secrets

from playground.workspace.context import Context
from playground.workspace.limits import view_problems
from playground.workspace.model import ApiError, Json, View, invalid
from playground.workspace.shapes import view_json

MAX_STACK = 3
MAX_VIEW_BYTES = 250_000


def checked_view(context: Context, body: object, kind: str = "modal") -> Json:
    """Return a view with its block ids filled in, or refuse it as Slack does."""
    if not isinstance(body, dict):
        raise invalid("invalid_arguments", ["missing required field: view [json-pointer:/view]"])
    if len(json.dumps(body)) > MAX_VIEW_BYTES:
        raise ApiError("view_too_large")
    problems = view_problems(body)
    if not problems and body["type"] != kind:
        problems = [f"unsupported type: {body['type']} [json-pointer:/view/type]"]
    if problems:
        raise invalid("invalid_arguments", problems)
    return {**body, "blocks": context.state.with_block_ids(body["blocks"])}


def new_view(context: Context, user_id: str, body: Json, below: View | None = None) -> View:
    """Make a view for a person, on top of `below` where it is pushed."""
    view_id = context.state.new_id("V")
    return View(
        id=view_id,
        user_id=user_id,
        body=body,
        hash=new_hash(context),
        root_id=below.root_id if below is not None else view_id,
        previous_id=below.id if below is not None else None,
    )


def new_hash(context: Context) -> str:
    """Return the hash of a view's next version."""
    return f"{int(context.state.clock.now().timestamp())}.{secrets.token_hex(4)}"


def replace_body(context: Context, view: View, body: Json) -> None:
    """Give an open view its new content; values of inputs that stay keep what was typed."""
    kept = {(block["block_id"], _action_id(block)) for block in body["blocks"]}
    view.values = {
        block_id: inputs
        for block_id, inputs in view.values.items()
        if any((block_id, action_id) in kept for action_id in inputs)
    }
    view.body, view.hash, view.errors = body, new_hash(context), {}
    context.state.feed.publish("view", user=view.user_id)


def _action_id(block: Json) -> str:
    return str((block.get("element") or {}).get("action_id"))


def check_external_id(context: Context, body: Json, own: View | None = None) -> None:
    """Refuse an id of the app's own that another view has already."""
    state = context.state
    everything = [view for stack in state.stacks.values() for view in stack]
    everything += state.homes.values()
    wanted = body.get("external_id")
    if wanted and any(v.body.get("external_id") == wanted for v in everything if v is not own):
        raise ApiError("duplicate_external_id")


def push(context: Context, user_id: str, body: Json) -> View:
    """Put a modal on top of a person's stack of at most three."""
    check_external_id(context, body)
    stack = context.state.stacks.setdefault(user_id, [])
    if len(stack) >= MAX_STACK:
        raise ApiError("push_limit_reached")
    view = new_view(context, user_id, body, stack[-1] if stack else None)
    stack.append(view)
    context.state.feed.publish("view", user=user_id)
    return view


def _pointed(context: Context, args: Json) -> str:
    """Use up the trigger of a call and return whose screen it leads to."""
    pointer = args.get("trigger_id") or args.get("interactivity_pointer")
    if not pointer:
        raise invalid("invalid_arguments", ["invalid `trigger_id`"])
    return context.triggers.redeem(pointer)


def open_view(context: Context, args: Json) -> Json:
    """Serve views.open."""
    body = checked_view(context, args.get("view"))
    user_id = _pointed(context, args)
    context.state.stacks[user_id] = []
    return {"view": view_json(context.state, push(context, user_id, body))}


def push_view(context: Context, args: Json) -> Json:
    """Serve views.push."""
    body = checked_view(context, args.get("view"))
    user_id = _pointed(context, args)
    if not context.state.stacks.get(user_id):
        # docs.slack.dev/reference/methods/views.push: the view that it goes on top of.
        raise ApiError("not_found")
    return {"view": view_json(context.state, push(context, user_id, body))}


def update_view(context: Context, args: Json) -> Json:
    """Serve views.update by view_id or external_id, with `hash` against races."""
    view = _wanted(context, args)
    if view is None:
        raise ApiError("not_found")
    if args.get("hash") not in (None, "", view.hash):
        raise ApiError("hash_conflict")
    body = checked_view(context, args.get("view"), str(view.body["type"]))
    check_external_id(context, body, view)
    replace_body(context, view, body)
    return {"view": view_json(context.state, view)}


def _wanted(context: Context, args: Json) -> View | None:
    if not args.get("external_id"):
        return context.state.view(args.get("view_id"))
    views = [view for stack in context.state.stacks.values() for view in stack]
    views += context.state.homes.values()
    wanted = args["external_id"]
    return next((view for view in views if view.body.get("external_id") == wanted), None)


def publish_view(context: Context, args: Json) -> Json:
    """Serve views.publish: the home tab of one person."""
    user = context.state.users.get(str(args.get("user_id")))
    if user is None:
        raise invalid("invalid_arguments", ["invalid `user_id`"])
    body = checked_view(context, args.get("view"), "home")
    view = context.state.homes.get(user.id)
    check_external_id(context, body, view)
    if view is None:
        view = new_view(context, user.id, body)
        context.state.homes[user.id] = view
    elif args.get("hash") not in (None, "", view.hash):
        raise ApiError("hash_conflict")
    replace_body(context, view, body)
    return {"view": view_json(context.state, view)}
