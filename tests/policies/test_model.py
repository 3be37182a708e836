"""The action's hash: what a sign-off is bound to."""

import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from policies.model import (
    PROPOSAL_TRANSITIONS,
    Action,
    Facts,
    Precondition,
    Proposal,
    ProposalState,
)
from tests.fakes.values import action, effect, facts, inverse, proposal
from tests.playground.shop.world import NOON

CHANGES: dict[str, Any] = {
    "tenant": "other",
    "proposal_id": "T-1-2",
    "tool": "fake_other",
    "tool_version": 2,
    "target": "another lamp",
    "environment": "production",
    "parameters": {"name": "lamp", "before": "old", "to": "newer"},
    "preconditions": (Precondition(field="value", value="older"),),
    "expected_effect": effect().model_copy(update={"value": "newer"}),
    "inverse": inverse().model_copy(update={"window_s": 7200}),
    "requester": "T1/UMIA",
    "agent": "campaign",
    "not_after": NOON + timedelta(hours=2, seconds=1),
}


def test_every_field_of_an_action_is_tried() -> None:
    assert set(CHANGES) == set(Action.model_fields)


@pytest.mark.parametrize("field", sorted(CHANGES))
def test_consent_to_one_action_does_not_cover_another(field: str) -> None:
    assert action(**{field: CHANGES[field]}).hash != action().hash


@pytest.mark.parametrize("field", ["expected_effect", "inverse"])
def test_leaving_a_promise_out_changes_the_hash(field: str) -> None:
    assert action(**{field: None}).hash != action().hash


@pytest.mark.parametrize("field", sorted(type(effect()).model_fields))
def test_every_field_of_the_promised_effect_is_signed(field: str) -> None:
    changes: dict[str, Any] = {
        "parameters": {},
        "comparator": "ge",
        "baseline": None,
        "unit": "ratio",
    }
    value = changes.get(field, 7 if field.endswith("_s") else "something else")
    other = type(effect()).model_validate(effect().model_dump() | {field: value}, strict=False)
    assert action(expected_effect=other).hash != action().hash


@pytest.mark.parametrize("field", sorted(type(inverse()).model_fields))
def test_every_field_of_the_way_back_is_signed(field: str) -> None:
    value = {"parameters": {}, "window_s": 7, "tool_version": 2}.get(field, "something else")
    other = inverse().model_copy(update={field: value})
    assert action(inverse=other).hash != action().hash


def test_a_way_back_of_an_earlier_version_keeps_its_hash() -> None:
    assert action().hash == "b9b54c5ad45ed72ecf464035da22afb4c272503839f23384d1819c1cf7ba6efc"
    pinned = action(inverse=inverse().model_copy(update={"tool_version": 1}))
    assert Action.model_validate_json(pinned.model_dump_json()).hash == pinned.hash


def test_what_nobody_edited_is_written_as_the_version_before_reads_it() -> None:
    assert "edited_by" not in json.loads(proposal().model_dump_json())
    edited = proposal(edited_by="T0PLAY/U0ANA")
    assert Proposal.model_validate_json(edited.model_dump_json()) == edited


def test_the_hash_is_what_the_format_says() -> None:
    fields = json.loads(action().model_dump_json())
    canonical = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    wanted = hashlib.sha256(b"action/v1\0" + canonical.encode()).hexdigest()
    assert action().hash == wanted
    assert len(fields) == len(Action.model_fields)


def test_the_order_of_parameters_does_not_matter() -> None:
    turned = dict(reversed(action().parameters.items()))
    assert action(parameters=turned).hash == action().hash


def test_a_number_and_its_text_are_two_actions() -> None:
    assert action(parameters={"n": 1}).hash != action(parameters={"n": "1"}).hash
    assert action(parameters={"n": 1}).hash != action(parameters={"n": True}).hash


def test_the_same_moment_in_another_zone_keeps_its_hash_through_json() -> None:
    again = Action.model_validate_json(action().model_dump_json())
    assert again == action()
    assert again.hash == action().hash


def test_a_proposal_survives_json_whole() -> None:
    whole = proposal(observed=("E1: fails",), blast_radius=("`lamp`",), worst_case="1.00 EUR")
    assert Proposal.model_validate_json(whole.model_dump_json()) == whole


@given(
    st.dictionaries(
        st.text(max_size=20),
        st.text(max_size=20) | st.integers(-(2**53) + 1, 2**53 - 1) | st.booleans(),
        max_size=5,
    )
)
def test_any_parameters_keep_their_hash_through_json(
    parameters: dict[str, str | int | bool],
) -> None:
    made = action(parameters=parameters)
    assert Action.model_validate_json(made.model_dump_json()).hash == made.hash


def test_an_action_cannot_be_changed_after_it_was_made() -> None:
    made = action()
    with pytest.raises(ValidationError):
        made.target = "production database"  # type: ignore[misc] # this is what must fail


def test_facts_refuse_what_they_do_not_know() -> None:
    with pytest.raises(ValidationError):
        Facts.model_validate(facts().model_dump() | {"is_friday": True})


def test_facts_refuse_a_word_for_a_boolean() -> None:
    with pytest.raises(ValidationError):
        facts(paused="false")


def test_every_proposal_state_has_its_line_and_ends_lead_nowhere() -> None:
    assert set(PROPOSAL_TRANSITIONS) == set(ProposalState)
    dead = {"DENIED", "REJECTED", "EXPIRED", "WITHDRAWN", "SUPERSEDED", "DRIFTED", "FAILED"}
    for state in ProposalState:
        if state in dead:
            assert not PROPOSAL_TRANSITIONS[state], state


def test_only_what_was_approved_is_ever_executed() -> None:
    before = {
        state for state, after in PROPOSAL_TRANSITIONS.items() if ProposalState.EXECUTING in after
    }
    assert before == {ProposalState.APPROVED, ProposalState.UNKNOWN}
