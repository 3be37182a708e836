"""How many foreign secrets are found, and how much ordinary text is taken for one: measured."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.config import read_config
from policies.redaction import Redactor
from policies.redaction.personal import NAMES
from tests.policies.planted import FORMS, PLACES, leaks, planted

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"
DOC = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
SEED, TIMES = 20261120, 20
# Lines that people and machines wrote in operation; the prompt injections are no ordinary text.
ORDINARY = ("incidents/**/*", "runbooks/**/*.md", "webhooks/*.json")


def stated(pattern: str) -> float:
    """Return a number that docs/security.md states."""
    found = re.search(pattern, " ".join(DOC.split()))
    assert found is not None, pattern
    return float(found[1].replace(" ", ""))


def test_foreign_secrets_are_found_as_often_as_is_stated() -> None:
    redactor = Redactor()
    missed = Counter(
        planting.kind
        for planting in planted(SEED, TIMES)
        if leaks(planting, redactor.text(planting.text))
    )
    kinds = len(FORMS) + len(PLACES) + 1
    recall = 100 * (1 - missed.total() / (kinds * TIMES))
    assert kinds == stated(r"of (\d+) kinds of planted secrets")
    assert abs(recall - stated(r"planted secrets ([\d.]+) % are found")) <= 0.5, missed
    # No kind hides behind the others.
    assert {kind: count for kind, count in missed.items() if count > TIMES / 10} == {}


def ordinary() -> Iterator[str]:
    for pattern in ORDINARY:
        for path in sorted(DATA.glob(pattern)):
            if path.is_file():
                yield from filter(str.strip, path.read_text(encoding="utf-8").splitlines())


@pytest.mark.skipif(not DATA.exists(), reason=f"{DATA.name}: the incidents are not on this machine")
def test_ordinary_text_is_taken_for_a_secret_as_rarely_as_is_stated() -> None:
    redactor = Redactor()
    lines = list(ordinary())
    alarms: Counter[str] = Counter()
    personal = 0
    for line in lines:
        found = redactor.finds(line)
        alarms.update(name for name in found if name not in NAMES)
        personal += any(name in NAMES for name in found)
    rate = 1000 * alarms.total() / len(lines)
    assert len(lines) == stated(r"\((\d+ \d+) lines of incidents")
    assert abs(rate - stated(r"([\d.]+) of 1 000 ordinary lines")) <= 0.1, alarms
    assert personal == stated(r"(\d+) lines held personal data")


SURVIVES = [
    "update-alternatives: using /usr/lib/jvm/java-17-openjdk-amd64/bin/jpackage to provide it",
    "/usr/lib/x86_64-linux-gnu/gdk-pixbuf-2.0/2.10.0/loaders/libpixbufloader-svg.so is missing",
    "T-7K3F9Q2A",
    "T-7K3F9Q2A-1: PENDING to APPROVED.",
    "Roll back `checkout` from v42 to v41 in staging",
    "signoff-T-7K3F9Q2A-1-forward",
    "Policy 5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef is in force",
    "action `f70277ce5d65898e443615925bdf23e49581024c2a1b62ab721648cc434b3e5c`",
    "commit 9ecb8232f401e85df1801227a686ba243d99beb9 by mia",
    "https://github.com/shop/web/commit/9ecb8232f401e85df1801227a686ba243d99beb9",
    "shop/web@sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef",
    '{"trace_id": "8a4afd972f32f3e40110331cc02a344d", "span_id": "f32f3e4011033"}',
    "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "request 123e4567-e89b-12d3-a456-426614174000 took 12 ms",
    "Root=1-5759e988-bd862e3fe1be46a994272793",
    "pod prometheus-kube-prometheus-stack-operator-5d8f7c6b9-xk2lp is not ready",
    "payments-gateway-worker-7d9c6b5f4-abcde in namespace shop-production-eu-west-1",
    "node gke-production-default-pool-1a2b3c4d-x7k9.europe-west1-b.c.shop.internal",
    "at org.springframework.security.web.FilterChainProxy$VirtualFilterChain.doFilter",
    "java.util.concurrent.ThreadPoolExecutor$Worker.run(ThreadPoolExecutor.java:628)",
    "/usr/local/lib/python3.11/site-packages/sqlalchemy/engine/cursor.py:1234",
    "services/checkout/internal/handlers/PaymentAuthorizationHandlerV2.go",
    'sum(rate(http_requests_total{service="checkout",code=~"5.."}[5m])) by (le)',
    "histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket[5m])))",
    "https://grafana.example.com/d/checkout-overview/latency?orgId=1&from=now-1h&to=now",
    "https://wiki.example.com/runbooks/KubePersistentVolumeFillingUp#diagnosis",
    "2026-11-20T12:00:00.123456+02:00 and 2026-11-20 12:00:00,123",
    "1763719628000000000 ns, 1763719628123 ms, 4 503 599 627 370 496 rows",
    "order 4111111111111112 has no right check digit",
    "token expired; the password is wrong; secret not found; key: missing",
    "SyntaxError: Unexpected token: ',' in JSON at position 12",
    "bearer authentication failed; basic authentication is off",
    "AccessDenied: user shop-reader may not get secret shop/db",
    "password: ${DB_PASSWORD}, token: {{ .Values.token }}, apiKey: <your key>, secret=***",
    "max_tokens=4096 total_tokens: 1234 token_type: bearer",
    "secretName: checkout-tls, imagePullSecrets, --password-file /run/secrets/db",
    "kubectl -n shop get pods -o wide --sort-by=.status.startTime",
    "ssh -p 2222 deploy@bastion; docker run -p 8080:80 shop/web:1.2.3; mkdir -p a/b",
    "git@github.com:shop/web.git, systemctl status getty@tty1.service, pkg@1.2.3",
    "sha512-q3NFsnWvBGgYYJ0PCXnPtFFXhkYzpXnlYGHgqvbGRrzdbEHzjmeBtJFzcFDgAPx0Zw==",
    "h1:nRcPYVhZXGfP1dkFdgdwrrF0ccTRKxsGuQZ7oqLPfVk= go.sum",
    "SHA256:nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY8 (ED25519)",
    "TypeError: cannot read 'currency' of null in applyDiscount (checkout.js:118:23)",
    "部署 v42 失敗\uff0c請回滾。10² ms, ½, µs, größer, naïve, …",
    "+ 12 345 678 requests since 09:00, +1.5 % over yesterday",
    "IBAN DE00 1234 has no right length",
]


@pytest.mark.parametrize("text", SURVIVES)
def test_what_people_need_survives(text: str) -> None:
    assert Redactor(["correct-horse-battery-staple"]).text(text) == text


PERSONAL = {
    "e-mail address": "written by mia.berger+ops@shop.example, today",
    "phone number": "call +49 30 901820-15 now",
    "card number": "paid with 4111 1111 1111 1111 today",
    "IBAN": "to DE89 3704 0044 0532 0130 00 by noon",
}


@pytest.mark.parametrize("name", PERSONAL)
def test_personal_data_is_taken_out(name: str) -> None:
    found = Redactor().text(PERSONAL[name])
    assert f"[redacted {name}]" in found
    assert not re.search(r"mia|901820|1111|0532", found)


@pytest.mark.parametrize(
    ("field", "name"), list(zip(("email", "phone", "card", "iban"), PERSONAL, strict=True))
)
def test_personal_data_is_let_pass_where_the_operator_says_so(field: str, name: str) -> None:
    from_yaml = json.dumps({"redact": {field: False}})
    redactor = Redactor((), read_config(from_yaml, "signoff.yaml").redact)
    assert redactor.text(PERSONAL[name]) == PERSONAL[name]
    others = [other for other in PERSONAL if other != name]
    assert all(redactor.text(PERSONAL[other]) != PERSONAL[other] for other in others)


@pytest.mark.parametrize("number", ["5555555555554444", "378282246310005", "6011-1111-1111-1117"])
def test_cards_of_other_networks_are_known(number: str) -> None:
    assert Redactor().text(f"x {number} y") == "x [redacted card number] y"


@pytest.mark.parametrize(
    "number",
    [
        "GB29 NWBK 6016 1331 9268 19",
        "FR1420041010050500013M02606",
        "NL91 ABNA 0417 1643 00",
        "de89370400440532013000",
        "at61 1904 3002 3457 3201",
    ],
)
@pytest.mark.parametrize("after", ["AND y", "this time", "for now"])
def test_accounts_of_other_countries_are_known(number: str, after: str) -> None:
    assert Redactor().text(f"x {number} {after}") == f"x [redacted IBAN] {after}"
