"""The JSON client believes no server that nobody vouches for, however its address is written."""

import asyncio
import datetime as dt
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tools.base import Unavailable
from tools.http import JsonClient

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"


@dataclass
class Impostor:
    """A server with a certificate of its own making."""

    port: int
    asked: list[bytes] = field(default_factory=list)


@pytest.fixture
async def impostor(tmp_path: Path) -> AsyncIterator[Impostor]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_self_signed(tmp_path))
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(ANSWER)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        yield Impostor(port=server.sockets[0].getsockname()[1], asked=asked)


def _self_signed(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    place = folder / "both.pem"
    place.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return place


@pytest.mark.parametrize(
    ("base", "path"),
    [
        ("https://localhost:{port}", "/x"),
        ("HTTPS://localhost:{port}", "/x"),
        ("http://localhost:{port}", "https://localhost:{port}/x"),
    ],
)
async def test_a_server_nobody_vouches_for_hears_nothing(
    impostor: Impostor, base: str, path: str
) -> None:
    client = JsonClient(base.format(port=impostor.port), token="secret")
    try:
        with pytest.raises(Unavailable, match="no answer"):
            await client.call("GET", path.format(port=impostor.port))
    finally:
        await client.close()
    assert impostor.asked == []


async def test_the_impostor_does_answer_who_does_not_ask_who_it_is(impostor: Impostor) -> None:
    async with httpx.AsyncClient(verify=False) as careless:  # noqa: S501 - that is the point
        found = await careless.get(f"https://localhost:{impostor.port}/x")
    assert found.json() == {}
    assert len(impostor.asked) == 1
