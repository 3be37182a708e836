"""Checkpoints are written and read as C2SP's formats say, and nothing changed passes.

The first vectors are those of golang.org/x/mod/sumdb/note, whose format C2SP's signed note is.
"""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from policies.checkpoints import (
    Checkpoint,
    CheckpointError,
    VerifierKey,
    open_note,
    opened,
    origin_of,
    parse,
    sign,
    sign_note,
)

SIGNER = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
VERIFIER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
SAYING = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
NOTE = (
    f"{SAYING}\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8"
    "pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
# The example of c2sp.org/tlog-checkpoint.
EXAMPLE = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1"
    "Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
)
ORIGIN = origin_of("0123456789abcdef" + "0" * 48)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
MINE = Checkpoint(origin=ORIGIN, size=512, root=b"r" * 32)
VKEY = VerifierKey.of(ORIGIN, KEY)


def test_a_note_is_signed_as_the_reference_implementation_signs_it() -> None:
    private = Ed25519PrivateKey.from_private_bytes(base64.b64decode(SIGNER)[1:])
    assert sign_note(SAYING, "PeterNeumann", private) == NOTE
    assert str(VerifierKey.of("PeterNeumann", private)) == VERIFIER


def test_a_note_of_the_reference_implementation_opens() -> None:
    assert open_note(NOTE, VerifierKey.parse(VERIFIER)) == SAYING


@pytest.mark.parametrize(
    "text",
    [
        VERIFIER,
        "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
        "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop",
    ],
)
def test_known_keys_are_read_and_written_back(text: str) -> None:
    assert str(VerifierKey.parse(f" {text}\n")) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "PeterNeumann",
        "PeterNeumann+c74f20a3",
        "PeterNeumann+c74f20a3+!!!!",
        "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10T=",
    ],
)
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(CheckpointError, match="key"):
        VerifierKey.parse(text)


def test_the_example_of_the_format_is_read() -> None:
    found = parse(EXAMPLE)
    assert (found.origin, found.size) == ("example.com/behind-the-sofa", 20_852_163)
    assert EXAMPLE.startswith(found.text + "\n")


def test_a_checkpoint_comes_back_as_it_was_signed() -> None:
    assert opened(sign(MINE, KEY), VKEY) == MINE
    assert sign(MINE, KEY).startswith("signoff/0123456789abcdef\n512\n")


def test_signatures_of_others_are_passed_over() -> None:
    witness = sign_note(MINE.text, "witness.example", OTHER).rpartition("\n\n")[2]
    assert opened(sign(MINE, KEY) + witness, VKEY) == MINE
    with pytest.raises(CheckpointError, match="not signed by the key"):
        opened(sign(MINE, OTHER), VKEY)


def test_a_key_of_another_name_signs_nothing_here() -> None:
    with pytest.raises(CheckpointError, match="not signed by the key"):
        opened(sign(MINE, KEY), VerifierKey.of("signoff/another", KEY))


@given(st.data())
def test_no_changed_letter_passes(data: st.DataObject) -> None:
    note = sign(MINE, KEY)
    at = data.draw(st.integers(min_value=0, max_value=len(note) - 1))
    letter = data.draw(st.characters(codec="utf-8").filter(lambda one: one != note[at]))
    with pytest.raises(CheckpointError):
        opened(note[:at] + letter + note[at + 1 :], VKEY)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        MINE.text,
        MINE.text + "\n",
        sign(MINE, KEY)[:-1],
        sign(MINE, KEY) + "\n",
        sign(MINE, KEY) + "— nobody\n",
        sign(MINE, KEY) + f"— {ORIGIN} AAAA\n",
        sign(MINE, KEY).replace("512", "5\r12"),
        sign(MINE, KEY) * 200,
    ],
)
def test_what_is_no_signed_note_is_refused(text: str) -> None:
    with pytest.raises(CheckpointError):
        parse(text)


@pytest.mark.parametrize(
    "text",
    [
        f"{ORIGIN}\n512\n",
        f"\n512\n{base64.b64encode(b'r' * 32).decode()}\n",
        f"{ORIGIN}\n0512\n{base64.b64encode(b'r' * 32).decode()}\n",
        f"{ORIGIN}\n-1\n{base64.b64encode(b'r' * 32).decode()}\n",
        f"{ORIGIN}\n\N{ARABIC-INDIC DIGIT FIVE}\n{base64.b64encode(b'r' * 32).decode()}\n",
        f"{ORIGIN}\n512\n{base64.b64encode(b'r' * 31).decode()}\n",
        f"{ORIGIN}\n512\n{base64.b64encode(b'r' * 32).decode()}\nmore\n",
        f"{ORIGIN}\n512\nnot base64\n",
    ],
)
def test_a_signed_text_that_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(CheckpointError, match=r"checkpoint|size|note"):
        opened(sign_note(text, ORIGIN, KEY), VKEY)
