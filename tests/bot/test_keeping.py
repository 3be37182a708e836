"""The signing key is one of the process's own secrets, in every form it may leak in."""

import base64
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bot.keeping import own_redactor
from bot.settings import read
from policies.redaction import Redactor
from tests.bot.signing import key_file, signing
from tests.bot.store.attacks import write_key

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(100, 132)))
SEED = KEY.private_bytes_raw()
DER = KEY.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def encoded(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def redactor_beside(path: Path) -> Redactor:
    return own_redactor(read({"DATABASE_URL": f"sqlite+aiosqlite:///{path}"}))


@pytest.mark.parametrize("mode", [0o600, 0o644])
@pytest.mark.parametrize(
    "form",
    [
        SEED.hex(),
        SEED.hex().upper(),
        DER.hex(),
        encoded(SEED),
        encoded(DER),
        base64.urlsafe_b64encode(SEED).decode(),
        encoded(b"x" + SEED + b"y"),
        encoded(b"xy" + SEED),
        encoded(SEED)[::-1],
    ],
)
def test_the_signing_key_is_taken_out_after_any_word(tmp_path: Path, form: str, mode: int) -> None:
    path = tmp_path / "signoff.db"
    write_key(key_file(path), KEY)
    key_file(path).chmod(mode)
    # Words after which a digest would pass, or an id.
    for text in (f"commit {form}", f"id={form} done", f"sha256:{form}", f"{form}"):
        for redact in (redactor_beside(path).text, redactor_beside(path).typed):
            assert form not in redact(text)
            assert "[redacted" in redact(text)


async def test_a_key_that_is_made_at_the_first_start_is_a_secret_from_then_on(
    tmp_path: Path,
) -> None:
    async with signing(tmp_path / "signoff.db") as found:
        await found.reach(1)
        private = load(key_file(tmp_path / "signoff.db"))
        clean = found.world.context.redactor.text(f"commit {private.hex()}")
    assert clean == "commit [redacted]"


def load(path: Path) -> bytes:
    body = "".join(path.read_text().splitlines()[1:-1])
    return base64.b64decode(body)[-32:]


def lost(path: Path) -> None:
    path.unlink()


def spoiled(path: Path) -> None:
    path.write_bytes(b"no key")


@pytest.mark.parametrize("change", [lost, spoiled])
def test_without_a_key_the_rest_is_taken_out(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    path = tmp_path / "signoff.db"
    write_key(key_file(path), KEY)
    change(key_file(path))
    assert redactor_beside(path).text(f"id={SEED.hex()}") == f"id={SEED.hex()}"


def test_everybody_who_asks_the_settings_learns_the_key(tmp_path: Path) -> None:
    settings = read({"DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/signoff.db"})
    logs = settings.redactor()
    write_key(key_file(tmp_path / "signoff.db"), KEY)
    own_redactor(settings)
    assert logs.text(f"commit {SEED.hex()}") == "commit [redacted]"
