"""Rules of what is put together: plans, cards, containers, surfaces, views."""

from playground.workspace.model import Json
from tests.conformance.figures import chart, data_table, pie, table
from tests.conformance.rules import (
    BLOCKS,
    DIVIDER,
    MEASURED,
    PICTURE,
    VIEWS,
    Call,
    Rule,
    actions,
    asking,
    button,
    choice,
    home,
    limit,
    message,
    modal,
    mrkdwn,
    plain,
    section,
    words,
)

PLAN, CARD = f"{BLOCKS}/plan-block", f"{BLOCKS}/card-block"
CONTAINER, MODAL = f"{BLOCKS}/container-block", f"{VIEWS}/modal-views"


def plan(count: int, **extra: object) -> Json:
    tasks = [
        {"task_id": str(number), "title": "Look", "status": "pending"} for number in range(count)
    ]
    return {"type": "plan", "title": "Plan", "tasks": tasks, **extra}


def card(**extra: object) -> Json:
    return {"type": "card", "title": mrkdwn("Card"), **extra}


def container(*blocks: Json, **extra: object) -> Json:
    return {"type": "container", "title": plain("Box"), "child_blocks": list(blocks), **extra}


def alert(count: int, **extra: object) -> Call:
    return modal({"type": "alert", "text": plain(words(count)), **extra})


ALERT: Json = {"type": "alert", "text": plain("x")}
MARKDOWN: Json = {"type": "markdown", "text": "x"}
EMAIL: Json = {"type": "email_text_input", "action_id": "e"}
RULES: list[Rule] = [
    limit(
        "message-blocks",
        "A message has up to 50 blocks",
        BLOCKS,
        lambda n: message(*[DIVIDER] * n),
        (0, 50),
        "/blocks",
    ),
    limit(
        "modal-blocks",
        "A modal has up to 100 blocks",
        BLOCKS,
        lambda n: modal(*[DIVIDER] * n),
        (0, 100),
        "/view/blocks",
    ),
    limit(
        "home-blocks",
        "A home tab has up to 100 blocks",
        BLOCKS,
        lambda n: home(*[DIVIDER] * n),
        (0, 100),
        "/view/blocks",
    ),
    limit(
        "plan-tasks",
        "A plan has up to 50 tasks",
        PLAN,
        lambda n: message(plan(n)),
        (1, 50),
        "/blocks/0/tasks",
    ),
    choice(
        "plan-shape",
        "A plan's title is a string, and each of its tasks has an id of its own",
        f"{PLAN}; {MEASURED}",
        {"one": message(plan(1))},
        {
            "a text object": (message(plan(1, title=plain("x"))), "/blocks/0/title"),
            "one task twice": (
                message(plan(1, tasks=plan(1)["tasks"] * 2)),
                "/blocks/0/tasks/1/task_id",
            ),
            "done": (
                message(plan(1, tasks=[{"task_id": "1", "title": "x", "status": "done"}])),
                "/blocks/0/tasks/0/status",
            ),
        },
    ),
    choice(
        "plan-once",
        "A message has one plan",
        MEASURED,
        {"one": message(plan(1))},
        {"two": (message(plan(1), plan(1)), "/blocks")},
    ),
    *(
        limit(
            f"card-{part}",
            f"A card's {part} has 1 to {most} characters",
            CARD,
            lambda n, part=part: message(card(**{part: mrkdwn(words(n))})),  # type: ignore[misc]  # bound now
            (1, most),
            f"/blocks/0/{part}/text",
        )
        for part, most in {"title": 150, "subtitle": 150, "body": 200, "subtext": 200}.items()
    ),
    limit(
        "card-buttons",
        "A card has up to 3 buttons",
        CARD,
        lambda n: message(card(actions=[button(f"a{number}") for number in range(n)])),
        (1, 3),
        "/blocks/0/actions",
    ),
    choice(
        "card-shape",
        "A card shows something, texts as objects, and one icon at the most",
        f"{CARD}; {MEASURED}",
        {"an icon": message(card(slack_icon={"type": "icon", "name": "sparkle"}))},
        {
            "nothing": (message({"type": "card", "subtitle": plain("x")}), "/blocks/0"),
            "a bare title": (message({"type": "card", "title": "x"}), "/blocks/0/title"),
            "two icons": (
                message(card(icon=PICTURE, slack_icon={"type": "icon", "name": "sparkle"})),
                "/blocks/0",
            ),
        },
    ),
    limit(
        "carousel",
        "A carousel has 1 to 10 cards",
        f"{BLOCKS}/carousel-block",
        lambda n: message({"type": "carousel", "elements": [card()] * n}),
        (1, 10),
        "/blocks/0/elements",
    ),
    choice(
        "carousel-cards",
        "A carousel holds cards",
        f"{BLOCKS}/carousel-block",
        {"a card": message({"type": "carousel", "elements": [card()]})},
        {
            "a section": (
                message({"type": "carousel", "elements": [section()]}),
                "/blocks/0/elements/0/type",
            )
        },
    ),
    limit(
        "container-children",
        "A container has 1 to 10 blocks",
        CONTAINER,
        lambda n: message(container(*[DIVIDER] * n)),
        (1, 10),
        "/blocks/0/child_blocks",
    ),
    limit(
        "container-title",
        "A container's title has 1 to 150 characters",
        CONTAINER,
        lambda n: message(container(DIVIDER, title=plain(words(n)))),
        (1, 150),
        "/blocks/0/title/text",
    ),
    choice(
        "container-shape",
        "A container has a title, a known width, and blocks of the kinds that its page names",
        CONTAINER,
        {"wide": message(container(section(), actions(button()), width="wide"))},
        {
            "huge": (message(container(DIVIDER, width="huge")), "/blocks/0/width"),
            "no title": (message(container(DIVIDER, title=None)), "/blocks/0"),
            "a container": (
                message(container(container(DIVIDER))),
                "/blocks/0/child_blocks/0/type",
            ),
        },
    ),
    limit(
        "alert-text",
        "An alert has 1 to 200 characters",
        f"{BLOCKS}/alert-block",
        alert,
        (1, 200),
        "/view/blocks/0/text/text",
    ),
    choice(
        "alert-level",
        "An alert's level is default, info, warning, error or success",
        f"{BLOCKS}/alert-block",
        {"error": alert(1, level="error")},
        {"loud": (alert(1, level="loud"), "/view/blocks/0/level")},
    ),
    choice(
        "surfaces",
        "Blocks and elements stand on the surfaces that their pages name",
        BLOCKS,
        {
            "a modal": modal(ALERT, asking(EMAIL)),
            "a message": message(MARKDOWN, plan(1), container(DIVIDER), chart(pie()), table()),
            "a home tab": home(card(), data_table(), {"type": "carousel", "elements": [card()]}),
        },
        {
            "an alert in a message": (message(ALERT), "/blocks/0/type"),
            "an alert in a home tab": (home(ALERT), "/view/blocks/0/type"),
            "markdown in a modal": (modal(MARKDOWN), "/view/blocks/0/type"),
            "markdown in a home tab": (home(MARKDOWN), "/view/blocks/0/type"),
            "a plan in a modal": (modal(plan(1)), "/view/blocks/0/type"),
            "a chart in a home tab": (home(chart(pie())), "/view/blocks/0/type"),
            "a container in a modal": (modal(container(DIVIDER)), "/view/blocks/0/type"),
            "a container in a home tab (?)": (home(container(DIVIDER)), "/view/blocks/0/type"),
            "a carousel in a modal": (
                modal({"type": "carousel", "elements": [card()]}),
                "/view/blocks/0/type",
            ),
            "a table in a modal": (modal(table()), "/view/blocks/0/type"),
            "a table in a home tab (?)": (home(table()), "/view/blocks/0/type"),
            "an address in a message": (message(asking(EMAIL)), "/blocks/0/element/type"),
        },
    ),
    *(
        limit(
            f"modal-{part}",
            f"A modal's {part} has 1 to 24 characters",
            MODAL,
            lambda n, part=part: modal(DIVIDER, **{part: plain(words(n))}),  # type: ignore[misc]  # bound now
            (1, 24),
            f"/view/{part}/text",
        )
        for part in ("title", "submit", "close")
    ),
    *(
        limit(
            f"modal-{part.replace('_', '-')}",
            f"A modal's {part} has up to {most} characters",
            MODAL,
            lambda n, part=part: modal(DIVIDER, **{part: words(n)}),  # type: ignore[misc]  # bound now
            (0, most),
            f"/view/{part}",
        )
        for part, most in {"private_metadata": 3000, "callback_id": 255}.items()
    ),
    choice(
        "modal-shape",
        "A modal has a title, and a button to submit what is asked in it",
        MODAL,
        {"nothing asked": modal(DIVIDER, submit=None)},
        {
            "no title": (modal(DIVIDER, title=None), "/view"),
            "no submit": (
                modal(asking({"type": "plain_text_input", "action_id": "a"}), submit=None),
                "/view",
            ),
            "a colour": (modal(DIVIDER, color="red"), "/view"),
            "a window": (modal(DIVIDER, type="window"), "/view/type"),
        },
    ),
]
