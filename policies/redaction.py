"""Takes secrets out of text before it is stored, logged, posted or sent to a model."""

import base64
import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import quote

MIN_SECRET = 6

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
_KINDS = (
    ("private key", r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)"),
    ("Slack token", r"\bx(?:ox[a-z]|app)-[A-Za-z0-9-]{8,}"),
    ("Slack webhook", r"https://hooks\.slack\.com/[A-Za-z0-9/_-]+"),
    ("Anthropic key", r"\bsk-ant-[A-Za-z0-9_-]{8,}"),
    ("API key", r"\bsk-[A-Za-z0-9_-]{16,}"),
    ("GitHub token", r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})"),
    ("AWS key", r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    ("Google key", r"\bAIza[A-Za-z0-9_-]{35}"),
    ("JSON web token", r"\beyJ[A-Za-z0-9_-]{8,2000}\.[A-Za-z0-9_-]{8,2000}\.[A-Za-z0-9_-]*"),
    ("bearer token", r"(?i)\bbearer\s+[A-Za-z0-9._~+/=-]{8,}"),
    ("password in a URL", r"(?<=://)[^\s/:@]{1,64}:[^\s/@]{1,128}(?=@)"),
    (
        "password",
        # Without a word boundary before it: DB_PASSWORD and dbPassword are passwords too.
        r"(?i)(?:password|passwd|pwd|secret|api[_-]?key|access[_-]?token|auth[_-]?token)"
        r"(?:[_-][a-z0-9_-]{0,40})?[\"']?\s*[:=]\s*[\"']?[^\s\"',;]{4,}",
    ),
)
_PATTERNS = tuple((name, re.compile(pattern, re.DOTALL)) for name, pattern in _KINDS)


class Redactor:
    """Knows the secrets this process holds, in the forms they may leak in."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms: set[str] = set()
        for secret in secrets:
            if len(secret) >= MIN_SECRET:
                forms |= _forms(secret)
        # Longest first: a secret inside another one must not leave the rest of it behind.
        ordered = sorted(forms, key=lambda form: (-len(form), form))
        self._exact = re.compile("|".join(re.escape(form) for form in ordered)) if ordered else None

    def text(self, text: str) -> str:
        """Return the text without secrets, invisible characters and compatibility forms."""
        plain = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
        if self._exact is not None:
            plain = self._exact.sub("[redacted]", plain)
        for name, pattern in _PATTERNS:
            plain = pattern.sub(f"[redacted {name}]", plain)
        return plain

    def texts(self, texts: Iterable[str]) -> tuple[str, ...]:
        """Return each text without secrets."""
        return tuple(self.text(text) for text in texts)


def _forms(secret: str) -> set[str]:
    raw = secret.encode()
    return {
        secret,
        secret[::-1],
        quote(secret, safe=""),
        base64.b64encode(raw).decode().rstrip("="),
        base64.urlsafe_b64encode(raw).decode().rstrip("="),
    }
