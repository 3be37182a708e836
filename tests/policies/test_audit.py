"""The ledger's vocabulary: canonical bodies and their chain."""

import hashlib
import json
import re
from datetime import timedelta, timezone

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from policies.audit import GENESIS, Event, EventKind, canonical, chain_hash, text_digest
from policies.model import Actor, ActorKind, Scalar
from tests.playground.shop.world import NOON

EVENT = Event(
    kind=EventKind.VOTE_CAST,
    at=NOON,
    sentence="Ana approved.",
    actor=Actor(kind=ActorKind.HUMAN, id="T1/UANA"),
    task_id="T-1",
    data={"b": 1, "a": "x", "c": None, "d": True},
)


def body(event: Event, seq: int) -> str:
    """Return the body of an event that stands at `seq`."""
    return canonical({"seq": seq, **event.model_dump(mode="json")})


def test_a_body_holds_every_field_of_the_event_and_its_place() -> None:
    found = json.loads(body(EVENT, 7))
    assert set(found) == {"seq", *Event.model_fields}
    assert (found["seq"], found["kind"]) == (7, "vote.cast")


def test_a_body_is_canonical() -> None:
    text = body(EVENT, 7)
    again = json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert text == again
    turned = EVENT.model_copy(update={"data": dict(reversed(EVENT.data.items()))})
    assert body(turned, 7) == text


@given(
    st.dictionaries(
        st.text(max_size=8), st.none() | st.booleans() | st.text(max_size=8) | st.integers()
    ),
    st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=3),
)
def test_a_body_is_what_rfc_8785_says_whatever_it_holds(
    data: dict[str, Scalar | None], texts: dict[str, str]
) -> None:
    event = EVENT.model_copy(update={"data": data, "texts": texts})
    try:
        wanted = rfc8785.dumps({"seq": 1, **event.model_dump(mode="json")}).decode()
    except rfc8785.IntegerDomainError:
        with pytest.raises(rfc8785.IntegerDomainError):
            body(event, 1)
    else:
        assert body(event, 1) == wanted


def test_the_chain_hash_is_what_the_format_says() -> None:
    text = body(EVENT, 1)
    wanted = hashlib.sha256(b"ledger/v1\0" + GENESIS.encode() + text.encode()).hexdigest()
    assert chain_hash(GENESIS, text) == wanted
    assert re.fullmatch(r"[0-9a-f]{64}", wanted)


def test_an_event_moved_to_another_place_has_another_hash() -> None:
    first, second = body(EVENT, 1), body(EVENT, 2)
    assert chain_hash(GENESIS, first) != chain_hash(GENESIS, second)
    assert chain_hash(chain_hash(GENESIS, first), second) != chain_hash(GENESIS, second)


@given(st.lists(st.text(max_size=20), min_size=2, max_size=5, unique=True), st.data())
def test_a_change_anywhere_changes_the_head(sentences: list[str], data: st.DataObject) -> None:
    def head(said: list[str]) -> str:
        found = GENESIS
        for seq, sentence in enumerate(said, 1):
            event = EVENT.model_copy(update={"sentence": sentence})
            found = chain_hash(found, body(event, seq))
        return found

    place = data.draw(st.integers(0, len(sentences) - 1))
    changed = list(sentences)
    changed[place] += "!"
    assert head(changed) != head(sentences)
    assert head(sentences[:-1]) != head(sentences)


def test_free_text_stands_only_as_a_salted_digest() -> None:
    assert text_digest("salt", "because") != text_digest("pepper", "because")
    assert "because" not in text_digest("salt", "because")


def test_every_kind_is_a_noun_and_what_happened_to_it() -> None:
    said = re.compile(r"[a-z]+\.([a-z]+(ed|t|en|wn)|unknown)")
    assert [kind for kind in EventKind if not said.fullmatch(kind)] == []


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValidationError):
        Event(kind=EventKind.VOTE_CAST, at=NOON.replace(tzinfo=None), sentence="x")


def test_an_event_survives_json_whole_from_any_zone() -> None:
    east = EVENT.model_copy(update={"at": NOON.astimezone(timezone(timedelta(hours=9)))})
    assert Event.model_validate_json(east.model_dump_json()) == EVENT


def test_numbers_with_a_fraction_do_not_enter_the_ledger() -> None:
    with pytest.raises(ValidationError):
        Event.model_validate(EVENT.model_dump() | {"data": {"ratio": 0.1}})
