"""Redaction: our own secrets in the forms they leak in, known kinds, and ordinary text."""

import base64
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.redaction import MIN_SECRET, Redactor

SECRET = "p/w+ÿ=correct-horse?battery&staple"
# Put together here, so that no file of the repository holds anything that looks like a key.
KINDS = {
    "Slack token": "xox" + "b-1234567890-abcdefghij",
    "Slack app token": "xap" + "p-1-A0123456789-1234567890",
    "Slack webhook": "https://hooks.sl" + "ack.com/services/T0/B0/abcdefgh",
    "Anthropic key": "sk-" + "ant-api03-abcdefghijkl",
    "API key": "sk-" + "proj1234567890abcdef",
    "GitHub token": "gh" + "p_" + "a1" * 18,
    "GitHub fine-grained token": "github_" + "pat_" + "a1" * 15,
    "AWS key": "AKI" + "A" + "ABCDEFGH12345678",
    "Google key": "AIz" + "a" + "b" * 35,
    "JSON web token": "ey" + "JhbGciOiJIUzI1NiJ9.ey" + "JzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
    "private key": "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIE\n-----END RSA " + "PRIVATE KEY-----",
    "cut private key": "-----BEGIN " + "PRIVATE KEY-----\nMIIE",
}


@pytest.mark.parametrize(
    "leaked",
    [
        SECRET,
        SECRET[::-1],
        quote(SECRET, safe=""),
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip("="),
        "\u200b".join(SECRET),
        "\u00ad".join(SECRET),
        SECRET[:5] + "\u202e" + SECRET[5:],
        "".join(chr(ord(sign) + 0xFEE0) if "!" <= sign <= "~" else sign for sign in SECRET),
    ],
    ids=[
        "plain",
        "reversed",
        "url",
        "base64",
        "urlsafe",
        "unpadded",
        "zero",
        "soft",
        "rtl",
        "wide",
    ],
)
def test_our_own_secret_leaves_in_no_form(leaked: str) -> None:
    found = Redactor([SECRET]).text(f"before {leaked} after")
    assert "[redacted" in found
    assert found.startswith("before ")
    assert found.endswith(" after")
    for form in (SECRET, SECRET[::-1], quote(SECRET, safe=""), "correct-horse"):
        assert form not in found


@pytest.mark.parametrize("name", KINDS)
def test_known_kinds_of_secrets_are_taken_out_unasked(name: str) -> None:
    found = Redactor().text(f"token is {KINDS[name]} here")
    assert KINDS[name] not in found
    assert "[redacted" in found
    assert found.startswith("token is ")


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Authorization: Bearer abcdef123456.xyz", "abcdef123456"),
        ("GET https://bob:hunter22@host.example/path", "hunter22"),
        ("password=hunter22", "hunter22"),
        ('{"api_key": "hunter22"}', "hunter22"),
        ("DB_PASSWORD: 'hunter22'", "hunter22"),
        ("dbPassword=hunter22", "hunter22"),
        ("AWS_SECRET_ACCESS_KEY=hunter22", "hunter22"),
        ("auth-token = hunter22;", "hunter22"),
        ("SECRET=hunter22,next=1", "hunter22"),
    ],
)
def test_what_is_called_a_secret_is_taken_out(text: str, secret: str) -> None:
    assert secret not in Redactor().text(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "TypeError: cannot read 'currency' of null in applyDiscount",
        "`checkout` fails 31 % of its requests (fine is up to 5 %).",
        "Rollback von v42 auf v41, größer, schöner, für 300,00 €",
        "部署 v42 失敗",
        "dep-0042 by mia at 2026-11-20T12:00:00+00:00: Faster basket",
        'http_requests_total{service="web",code=~"5.."}',
        "https://dashboards.example/d/abc?service=web&from=now-1h",
        "sha256 " + "ab" * 32,
        "line one\nline two\ttabbed",
        "the desk-top and task-force skip",
    ],
)
def test_ordinary_text_is_left_as_it_is(text: str) -> None:
    assert Redactor([SECRET]).text(text) == text


def test_the_longer_of_two_secrets_leaves_nothing_behind() -> None:
    short, long = "abcdef", "abcdef-and-more"
    assert Redactor([short, long]).text(f"x {long} y {short} z") == "x [redacted] y [redacted] z"


def test_what_is_too_short_to_be_a_secret_blanks_no_words() -> None:
    assert Redactor(["", "a", "x" * (MIN_SECRET - 1)]).text("a xxxxx text") == "a xxxxx text"


@given(
    st.text(alphabet="abcdefghijklmnop0123456789-_/+", min_size=12, max_size=40),
    st.text(max_size=30),
    st.text(max_size=30),
)
def test_no_secret_survives_between_any_words(secret: str, before: str, after: str) -> None:
    assert secret not in Redactor([secret]).text(f"{before} {secret} {after}")


@given(st.text(max_size=200))
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    redactor = Redactor([SECRET])
    once = redactor.text(text)
    assert redactor.text(once) == once
