"""What holds for every text: own secrets go in every form, nothing is raised, time is linear."""

import random
import string
import time
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.redaction import Json, Redactor
from policies.redaction.redactor import DEEPEST, KNOWN, TOO_DEEP
from tests.policies.planted import FORMS, drawn, leaks, own_forms, planted
from tests.policies.test_redaction_recall import SURVIVES

SECRET = 'p/w+ÿ=correct-horse?battery&st"ap\\le'
TOKEN = "k7Qm2vX9pL4sT8wZ1bN6cR3d"
# Against ordinary text of the same length, which is full of what asks for a closer look.
HOSTILE_TIMES, GROWTH = 15, 2


@pytest.mark.parametrize("form", own_forms(TOKEN))
def test_an_own_secret_leaves_in_no_form(form: str) -> None:
    found = Redactor([TOKEN]).text(f"before {form} after")
    assert found.startswith("before ")
    assert found.endswith(" after")
    kept = found.removeprefix("before ").removesuffix(" after")
    assert "[redacted" in kept
    assert len(kept.replace("[redacted]", "").replace("[redacted long token]", "")) <= 4


@pytest.mark.parametrize("form", own_forms(SECRET))
def test_an_own_secret_of_any_characters_leaves_in_no_form(form: str) -> None:
    found = Redactor([SECRET]).text(f"before {form} after")
    assert form not in found
    assert "horse" not in found.lower()


def test_most_of_a_secret_is_found_where_somebody_cut_it_off() -> None:
    redactor = Redactor([TOKEN])
    assert redactor.text(f"said {TOKEN[:18]}…") == "said [redacted]…"
    assert redactor.text(f"said …{TOKEN[-18:]} and so on") == "said …[redacted] and so on"
    assert redactor.text(f"said …{TOKEN[-16:]}") == "said …[redacted]"
    assert redactor.excerpt("x " * 40 + TOKEN, 23) == "x " * 11 + "x"


@pytest.mark.parametrize("secret", ["s3cr3t", "hunter2"])
def test_a_short_secret_is_found_as_it_is_and_in_one_case(secret: str) -> None:
    redactor = Redactor([secret])
    for form in (secret, secret.upper(), secret.upper()[::-1]):
        assert redactor.text(f"said {form}!") == "said [redacted]!"
    assert Redactor(["S3cR3t"]).text("said s3cr3t") == "said [redacted]"


def test_an_own_number_is_no_number_of_json_either() -> None:
    redactor = Redactor(["4711081542"])
    found = redactor.tree({"pin": 4711081542, "n": 4711, "x": 4711081542.0, "ok": True})
    assert found == {"pin": "[redacted]", "n": 4711, "x": "[redacted]", "ok": True}
    assert "4711081542" not in redactor.document('{"pin": 4711081542}')


def test_an_excerpt_never_ends_in_half_a_secret() -> None:
    redactor = Redactor([TOKEN])
    for before in range(300, 420):
        text = "word " * (before // 5) + "z" * (before % 5) + " " + TOKEN + " word" * 400
        assert TOKEN[:4] not in redactor.excerpt(text, 100)


def test_a_value_is_known_by_its_name() -> None:
    redactor = Redactor()
    assert redactor.named("password", "hunter2") == "[redacted secret]"
    assert redactor.named("DB_TOKEN", "plain words") == "[redacted secret]"
    assert redactor.named("tokens", "12") == "12"
    assert redactor.named("token", "true") == "true"
    digest = "8a4afd972f32f3e40110331cc02a344d"
    assert redactor.named("trace_id", digest) == digest
    assert redactor.named("value", f"x {digest}") != f"x {digest}"


def test_json_keeps_its_shape() -> None:
    redactor = Redactor([TOKEN])
    tree: Json = {"a": [1, None, {TOKEN: f"x {TOKEN}", "password": "hunter2"}], "n": 2.5}
    assert redactor.tree(tree) == {
        "a": [1, None, {"[redacted]": "x [redacted]", "password": "[redacted secret]"}],
        "n": 2.5,
    }
    deep: Json = TOKEN
    for _ in range(DEEPEST * 3):
        deep = [deep]
    assert TOO_DEEP in str(redactor.tree(deep))
    assert redactor.document('{"a": "b"}') == '{"a": "b"}'
    assert redactor.document(f'{{"a":"{TOKEN}"}}') == '{"a": "[redacted]"}'


def test_what_stands_for_a_secret_carries_nothing() -> None:
    redactor = Redactor([TOKEN])
    assert TOKEN not in redactor.text(f"[redacted {TOKEN}]")
    assert "hunter22x" not in redactor.text("[redacted password=hunter22x]")


SIGNS = st.text(alphabet=string.printable + "äßÿ\u200b\u0301\u202eİ\U0001d538", max_size=60)
PLANTED = st.sampled_from([planting.text for planting in planted(3, times=1)])
OWN = st.sampled_from(own_forms(TOKEN))
MIXED = st.lists(st.one_of(SIGNS, PLANTED, OWN, st.just("[redacted]")))


@given(MIXED)
def test_a_second_time_finds_nothing_more(parts: list[str]) -> None:
    redactor = Redactor([TOKEN])
    once = redactor.text("".join(parts))
    assert redactor.text(once) == once


@given(MIXED)
def test_no_text_grows_without_bound(parts: list[str]) -> None:
    text = "".join(parts)
    # The longest mark stands for no fewer than four characters.
    assert len(Redactor([TOKEN]).text(text)) <= 12 * len(text)


@given(SIGNS, SIGNS, st.sampled_from(own_forms(TOKEN)))
def test_no_form_survives_between_any_words(before: str, after: str, form: str) -> None:
    found = Redactor([TOKEN]).text(f"{before} {form} {after}")
    assert TOKEN.lower() not in found.lower()
    assert form.lower() not in found.lower()


@given(st.text(), st.text())
def test_nothing_is_raised(name: str, text: str) -> None:
    redactor = Redactor([TOKEN])
    for found in (redactor.text(text), redactor.typed(text), redactor.named(name, text)):
        assert isinstance(found, str)
    redactor.document(text)
    redactor.finds(text)


def seconds(text: str) -> float:
    """Return the processor's time for one look, which what else runs here does not lengthen."""
    redactor = Redactor([TOKEN])
    began = time.thread_time()
    redactor.text(text)
    return time.thread_time() - began


def repeated(word: str, size: int) -> str:
    return word * (size // len(word))


WORDS = sorted({word for kind in KNOWN.known for word in kind.words})
HOSTILE = {
    "backslashes": "\\",
    "percents": "%25",
    "ampersands": "&amp;",
    "broken tokens": "eyJ-",
    "path": "a/",
    "addresses": "a@a.",
    "plus": "+1 ",
    "digits": "4 1 ",
    "accounts": "DE12 ",
    "begun keys": "-----BEGIN PRI" + "VATE KEY-----",
    "lines": "\n    ",
    "beginnings of our own": TOKEN[:9],
    "hex": "0123456789abcdef",
    "bytes": "ab ",
    "too few bytes": "0x41, 0x42 - ",
    "commands to a terminal": "\x1b]",
    "an endless command": "\x1b]" + "a" * 199,
    "ends of our own": TOKEN[-9:],
    "marks": "password=[redacted] ",
    "marked": "é",
    "invisible": "a\u200b",
    "one long word": "aB3",
}


@cache
def ordinary_seconds(size: int) -> float:
    return min(seconds(repeated("\n".join(SURVIVES), size)) for _ in range(2))


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_takes_no_more_than_some_times_an_ordinary_one(name: str) -> None:
    size = 1_000_000
    took = seconds(repeated(HOSTILE[name], size))
    assert took <= HOSTILE_TIMES * ordinary_seconds(size), (took, ordinary_seconds(size))


def test_each_word_that_asks_for_a_kind_takes_linear_time() -> None:
    slow = {}
    for word in WORDS:
        for tail in ("", '="', ": a1/-"):
            took = seconds(repeated(word + tail, 4_000))
            if took > HOSTILE_TIMES * ordinary_seconds(4_000):
                # It is dear: then twice as much must be twice as dear, not four times.
                more = seconds(repeated(word + tail, 64_000))
                slow.update({word + tail: (took, more)} if more > GROWTH * 16 * took else {})
    assert slow == {}


def test_every_form_is_found_without_any_word_beside_it() -> None:
    rng = random.Random(5)
    redactor = Redactor()
    for kind, form in FORMS.items():
        secret = drawn(form, rng).replace("«", "").replace("»", "")
        assert redactor.text(secret) != secret, kind
        assert redactor.secrets_in(secret) or "random" in kind, kind


def test_each_kind_names_where_its_form_is_described() -> None:
    assert [kind for kind in KNOWN.known if not kind.source.strip()] == []
    assert len({kind.name for kind in KNOWN.known}) >= 50
    # Each is compiled only when a text needs it: a slip in one must not wait for that text.
    assert all(KNOWN.pattern(place).pattern for place in range(len(KNOWN.known)))
    assert not leaks(planted(1, 1)[0], "")
