"""Each rule of Slack's holds in the local workspace, and in Slack where a token for it is set."""

import pytest

from playground.workspace.model import Json
from tests.conformance.conftest import Slack
from tests.conformance.rules import VALIDATE, Call, Case, message, modal
from tests.conformance.table import PAGE, RULES, render

BY_NAME = {rule.name: rule for rule in RULES}
AT_LEAST = 60


@pytest.mark.parametrize("name", BY_NAME)
async def test_a_rule_of_slacks_is_kept(slack: Slack, name: str) -> None:
    for case in BY_NAME[name].cases:
        answer = await slack.answer(case.call)
        assert answer.get("error") == case.code, (case.name, answer)
        if case.place is not None and slack.is_local:
            assert_named(case, answer)


def assert_named(case: Case, answer: Json) -> None:
    """Assert that the answer names the place; what Slack's own words are is not known."""
    places = [problem.rpartition(" [json-pointer:")[2][:-1] for problem in answer["errors"]]
    assert case.place in places, answer
    messages = answer["response_metadata"]["messages"]
    assert messages == [f"[ERROR] {problem}" for problem in answer["errors"]]


def wrong_blocks(name: str) -> list[Json]:
    cases = BY_NAME[name].cases
    return [case.call.args["blocks"] for case in cases if case.code == "invalid_blocks"]


@pytest.mark.parametrize("name", [rule.name for rule in RULES if wrong_blocks(rule.name)])
async def test_what_is_no_valid_block_is_not_posted_either(slack: Slack, name: str) -> None:
    for blocks in wrong_blocks(name):
        args: Json = {"channel": "{channel}", "text": "x", "blocks": blocks}
        answer = await slack.answer(Call(method="chat.postMessage", args=args))
        assert answer.get("error") in ("invalid_blocks", "msg_blocks_too_long"), answer
    assert slack.posted == []


def test_there_are_many_illegal_payloads_and_a_legal_one_beside_each_limit() -> None:
    assert len(RULES) == len(BY_NAME)
    cases = [case for rule in RULES for case in rule.cases]
    assert sum(case.code is not None and case.call.method == VALIDATE for case in cases) >= AT_LEAST
    assert all(rule.source.startswith(("https://", "measured")) for rule in RULES)
    blocks = [rule for rule in RULES if all(case.call.method == VALIDATE for case in rule.cases)]
    assert all(any(case.code is None for case in rule.cases) for rule in blocks)


def test_the_page_is_the_table() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "python -m tests.conformance.table"


async def test_a_call_is_refused_without_a_token(slack: Slack) -> None:
    slack.token = ""
    assert (await slack.answer(message()))["error"] in ("not_authed", "invalid_auth")
    assert (await slack.answer(modal()))["error"] in ("not_authed", "invalid_auth")
