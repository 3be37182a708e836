"""The redactor: knows this process's secrets, the known kinds, and what the operator lets pass."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping

from policies.redaction.clouds import CLOUDS, CODE, MODELS
from policies.redaction.credentials import COMMANDS, FILES, HEADERS, PLACES
from policies.redaction.kinds import Kinds
from policies.redaction.own import WRAPPED, OwnSecrets, lowered
from policies.redaction.personal import NAMES as PERSONAL
from policies.redaction.personal import Personal, PersonalData
from policies.redaction.published import outside, verifier_keys
from policies.redaction.services import ADVERTISING, CHAT, MAIL, MONEY, WATCH
from policies.redaction.spans import Marks, Span, mark, without
from policies.redaction.tokens import NAME as LONG_TOKEN
from policies.redaction.tokens import SHORTEST
from policies.redaction.tokens import spans as long_tokens
from policies.redaction.trie import any_of
from policies.redaction.views import View, joined, plain, shown, unescaped, unwrapped

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

KNOWN = Kinds(
    (
        *CLOUDS,
        *CODE,
        *MODELS,
        *CHAT,
        *WATCH,
        *MONEY,
        *MAIL,
        *ADVERTISING,
        *FILES,
        *HEADERS,
        *PLACES,
        *COMMANDS,
    )
)
# No secret with a form of its own is shorter; one without a word that it begins with is longer,
# and its parts are joined by points or hyphens.
_FORMED_FROM, _WORDLESS_FROM = 16, 26
# A text without a long word and without any of these holds none of the known kinds.
_HINT = re.compile(
    any_of(
        (
            "key",
            "token",
            "secret",
            "pass",
            "pwd",
            "auth",
            "cookie",
            "sess",
            "cred",
            "://",
            "--",
            "bearer",
            "basic",
            "sid",
            "signature",
            "jwt",
            "csrf",
            "xsrf",
            "remember",
            "mysql",
            "mariadb",
            "mongo",
            "docker",
            "podman",
            "htpasswd",
            "redis-cli",
            "curl",
            "wget",
            "http",
            "login",
            "helm",
            "identified",
            "@tcp(",
            "@udp(",
            "@unix(",
            ":5432:",
            ":6432:",
            ":*:",
            "pin ",
            "splunk ",
            '"d"',
            '"k"',
            "private",
        )
    )
)
_MARKS = Marks.of((*KNOWN.names, LONG_TOKEN, *PERSONAL))
_ROUNDS = 3
DEEPEST = 100
TOO_DEEP = "[nested too deep]"
# A text that is looked through may be longer than what is kept of it by this much.
_MARGIN = 4

_SECRET_NAME = re.compile(
    r"(?:pass(?:word|wd|phrase|code)?|pwd|secret|token|api[_.-]?key|apikey|credentials?|cookie"
    r"|authorization|private[_.-]?key|access[_.-]?key|signing[_.-]?key|client-key-data)$",
    re.IGNORECASE,
)
_HARMLESS = re.compile(r"\s*(?:true|false|null|none|yes|no|-?[0-9]{1,6}|)\s*", re.IGNORECASE)
# What stands under such a name is an id or a digest: it may look drawn by chance.
_TYPED_NAME = re.compile(
    r"(?:^|[_.-])(?:id|ids|uid|uuid|hash|digest|sha|sha1|sha256|checksum|fingerprint|key|version"
    r"|revision|commit|trace|span|thread|ref|etag|head)$|(?:Id|Ids|Uid|Sha|Hash)$"
)


class Redactor:
    """Takes secrets and personal data out of texts; never raises, and a second time finds nothing.

    What is taken out leaves a mark such as `[redacted Slack token]`; own secrets leave
    `[redacted]`. Nothing else of a text changes but invisible characters, which go.
    """

    def __init__(self, secrets: Iterable[str] = (), policy: PersonalData | None = None) -> None:
        self._secrets = frozenset(secrets)
        self._own = OwnSecrets(self._secrets)
        self._personal = Personal(policy or PersonalData())

    def learn(self, secrets: Iterable[str]) -> None:
        """Take further own secrets: those that were made, or found, after the start."""
        more = self._secrets.union(secrets)
        if more != self._secrets:
            self._secrets, self._own = more, OwnSecrets(more)

    def text(self, text: str) -> str:
        """Return a text without secrets, long tokens and personal data."""
        return self._redacted(text, is_typed=False)

    def typed(self, text: str) -> str:
        """Return an id or a digest without secrets; one may look drawn by chance."""
        return self._redacted(text, is_typed=True)

    def texts(self, texts: Iterable[str]) -> tuple[str, ...]:
        """Return each text without secrets."""
        return tuple(self.text(text) for text in texts)

    def named(self, name: str, value: str) -> str:
        """Return a value without secrets; its name says what it is, as in `password: …`."""
        if _SECRET_NAME.search(name) and not _HARMLESS.fullmatch(value):
            return value if _MARKS.pattern.fullmatch(value) else "[redacted secret]"
        if _TYPED_NAME.search(name):
            return self.typed(value)
        before = f"{name}: "
        both = self.text(before + value)
        return both.removeprefix(before) if both.startswith(before) else self.text(value)

    def excerpt(self, text: str, limit: int) -> str:
        """Return the beginning of a text without secrets, and without half a secret at its end."""
        if len(text) <= _MARGIN * limit:
            return self.text(text)[:limit]
        window = text[: _MARGIN * limit]
        # The last word may be half of one; without words, what is far from the end is whole.
        whole = window.rsplit(None, 1)[0]
        if len(whole) < len(window):
            return self.text(whole)[:limit]
        return self.text(window)[: limit // 2]

    def tree(self, value: Json, name: str = "", *, depth: int = 0) -> Json:
        """Return JSON without secrets, in its values and in its names."""
        if depth > DEEPEST:
            return TOO_DEEP
        if isinstance(value, str):
            return self._document(name, value, depth=depth)
        if isinstance(value, list):
            return [self.tree(item, name, depth=depth + 1) for item in value]
        if isinstance(value, Mapping):
            return {
                self.text(key): self.tree(item, key, depth=depth + 1) for key, item in value.items()
            }
        return self._number(value)

    def _number(self, value: float | None) -> Json:
        """Return a number, or the mark where it is an own secret: one may be all digits."""
        if value is None or isinstance(value, bool) or not self._own.has_numbers:
            return value
        written = str(value)
        return mark("") if next(self._own.spans(written, written), None) else value

    def document(self, text: str) -> str:
        """Return a text without secrets; one that is JSON stays JSON."""
        return self._document("", text)

    def finds(self, text: str) -> tuple[str, ...]:
        """Return the names of what is, or would be, taken out of a text; an own one is `secret`."""
        spans = self._spans(shown(text), is_typed=False)
        was_here = ("secret",) if _MARKS.pattern.search(text) else ()
        return tuple(dict.fromkeys([*(span.name or "secret" for span in spans), *was_here]))

    def secrets_in(self, text: str) -> tuple[str, ...]:
        """Return the names of the secrets, own or of a known kind, in a text."""
        spans = self._spans(shown(text), is_typed=True)
        return tuple(dict.fromkeys(span.name or "secret" for span in spans))

    def personal_in(self, text: str) -> tuple[str, ...]:
        """Return the kinds of the personal data in a text, as far as it is taken out."""
        spans = self._personal.spans(plain(shown(text)).text)
        return tuple(dict.fromkeys(span.name for span in spans))

    def _document(self, name: str, value: str, *, depth: int = 0) -> str:
        if value[:1] in {"{", "["}:
            try:
                found = json.loads(value)
            except (ValueError, RecursionError):
                return self.named(name, value)
            clean = self.tree(found, name, depth=depth + 1)
            return value if clean == found else json.dumps(clean, ensure_ascii=False)
        return self.named(name, value) if name else self.text(value)

    def _redacted(self, text: str, *, is_typed: bool) -> str:
        found = shown(text)
        # What was taken out may bring together what was apart.
        for _ in range(_ROUNDS):
            spans = self._spans(found, is_typed=is_typed)
            if not spans:
                break
            found = without(found, spans)
        return found

    def _spans(self, text: str, *, is_typed: bool) -> list[Span]:
        view = plain(text)
        found = list(self._in_view(view, is_typed=is_typed))
        for other in unescaped(view):
            found += self._in_view(other, is_typed=is_typed)
        return _MARKS.spared(text, found)

    def _in_view(self, view: View, *, is_typed: bool) -> Iterator[Span]:
        text = view.text
        for span in self._in_text(text, is_typed=is_typed):
            yield Span(*view.origin(span.start, span.end), span.name)
        if "\n" in view.text and self._own.may_be_in(unwrapped(view.text)):
            whole = joined(view)
            for span in self._own.spans(whole.text, lowered(whole.text), least=WRAPPED):
                yield Span(*whole.origin(span.start, span.end), span.name)

    def _in_text(self, text: str, *, is_typed: bool) -> Iterator[Span]:
        lower = lowered(text)
        longest = max(map(len, text.split()), default=0)
        if longest >= self._own.shortest:
            yield from self._own.spans(text, lower)
        yield from self._own.in_bytes(lower)
        found = self._foreign(text, lower, longest, is_typed=is_typed)
        keys = verifier_keys(text)
        yield from outside(keys, found) if keys else found

    def _foreign(self, text: str, lower: str, longest: int, *, is_typed: bool) -> Iterator[Span]:
        if longest >= _FORMED_FROM or _HINT.search(lower):
            is_joined = "." in text or "-" in text
            yield from KNOWN.spans(
                text, lower, with_wordless=is_joined and longest >= _WORDLESS_FROM
            )
        if is_typed:
            return
        if longest >= SHORTEST:
            yield from long_tokens(text)
        yield from self._personal.spans(text)
