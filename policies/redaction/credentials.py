"""Kinds of secrets known by where they stand: key files, headers, URLs, assignments, commands."""

import base64
import binascii
import re
from collections.abc import Iterable

from policies.redaction.kinds import Kind
from policies.redaction.trie import any_of

_PASSWORDS = "password passwd passphrase passcode pass pwd"
# The words of a name, which may stand beside each other or apart.
_LONG_NAMES = (
    "client secret;secret key;secret access key;api secret;api key;api token;"
    "app secret;app key;access key;access token;auth token;auth key;"
    "auth secret;refresh token;id token;bot token;webhook token;webhook secret;"
    "bearer token;service token;service key;deploy token;security token;"
    "vault token;private token;private key;personal token;session token;"
    "session key;sas token;user token;registry token;push token;device token;"
    "csrf token;xsrf token;jwt token;account key;encryption key;signing key;"
    "signing secret;shared secret;shared key;license key;ingest key;routing key;"
    "integration key;storage key;master key;consumer secret;hmac key;jwt secret;"
    "session secret;client key data;credential;credentials"
)
_SHORT_NAMES = "secret token auth authorization cookie session session_id signature jwt sid"


def _names(names: Iterable[str]) -> str:
    """Return a pattern of names in small letters, their words joined in any usual way."""
    return any_of(sign.join(name.split()) for name in names for sign in ("", "_", "-", ".", " "))


_PASSWORD = _names(_PASSWORDS.split())
_LONG_NAME = _names(_LONG_NAMES.split(";"))
_SHORT_NAME = _names(_SHORT_NAMES.split())
_SUFFIX = (
    r"(?:[_.-]?(?:key|base|value|b64|base64|plain|text|prod|production|staging|dev|test|live|primary"
    r"|secondary|new|old|current|[0-9]{1,3})){0,2}"
)
_OPERATOR = r"[\"'`]?[ \t]{0,3}(?:=>|:=|={1,2}|:)\s{0,3}"
# What stands where a secret would: a reference, a gap, a word about it.
_NOTHING = (
    r"(?!\[redacted|\$[({]|\{\{|<[^>\s]{1,60}>|%\(|\*{3}|\.{3}|[xX]{4}"
    r"|(?:true|false|null|none|nil|undefined|required|optional|missing|invalid|expired|empty|hidden"
    r"|masked|must|is|was|has|not|can|cannot|should|the|and|for|with|from|string|bytes|str|int)\b)"
)
_QUOTED = r"\"([^\"\n]{3,200})\"|'([^'\n]{3,200})'"
_BARE = r"([^\s\"'`,;<>(){}\[\]&|]{4,300})"
_WITH_DIGIT = r"(?=[^\s\"'`,;<>(){}\[\]&|]{0,300}?[0-9])"
_VARIABLE = re.compile(r"\$[A-Z_][A-Z0-9_]*|%[A-Z_]+%")
_SAID_OF_BEARERS = frozenset(
    {"authentication", "authorization", "certificate", "credential", "credentials", "channel"}
)
_BEFORE = re.compile("^[A-Za-z0-9+/=_-]{8,}$")


def _is_value(found: str) -> bool:
    """Say whether this is a value, and not the name of a variable."""
    return not _VARIABLE.fullmatch(found)


def _is_bearer(found: str) -> bool:
    """Say whether this is a token, and not a word of a sentence about them."""
    return found.lower().rstrip(".") not in _SAID_OF_BEARERS


def _is_basic(found: str) -> bool:
    """Say whether this is base64 of `user:password`."""
    if not _BEFORE.match(found):
        return False
    try:
        plain = base64.b64decode(found + "=" * (-len(found) % 4), altchars=b"-_")
    except (binascii.Error, ValueError):
        return False
    return b":" in plain


FILES = (
    Kind(
        "private key",
        ("private key",),
        r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?s:.)*?"
        r"(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z)",
        "RFC 7468 (PEM), RFC 9580 (OpenPGP), OpenSSH PROTOCOL.key",
    ),
    Kind(
        "private key",
        ("putty-user-key-file",),
        r"PuTTY-User-Key-File-\d(?s:.)*?(?:Private-MAC: ?[0-9a-f]{8,80}|\Z)",
        "PuTTY: appendix on the PPK format",
    ),
    Kind(
        "age key",
        ("age-secret-key-",),
        r"AGE-SECRET-KEY-(?:PQ-)?1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{50,70}",
        "C2SP age specification; gitleaks age-secret-key",
    ),
    Kind(
        "WireGuard key",
        ("privatekey", "presharedkey"),
        r"(?:privatekey|presharedkey)\s{0,3}=\s{0,3}([A-Za-z0-9+/]{43}=)",
        "wg(8)",
        any_case=True,
    ),
    Kind(
        "JSON web key",
        ('"d"', '"k"'),
        r"\"[dk]\"\s{0,3}:\s{0,3}\"([A-Za-z0-9_-]{20,800})\"",
        "RFC 7517",
    ),
    Kind(
        "JSON web token",
        ("eyj",),
        r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,8000}+\.[A-Za-z0-9_-]{8,8000}+(?:\.[A-Za-z0-9_-]{0,8000}+){1,3}",
        "RFC 7519",
    ),
    Kind(
        "1Password token",
        ("ops_ey",),
        r"ops_eyJ[A-Za-z0-9+/_-]{100,2000}={0,3}",
        "gitleaks 1password-service-account-token",
    ),
    Kind(
        "password hash",
        ("$2", "$5$", "$6$", "$1$", "$y$", "$7$", "$argon2", "$apr1$", "$pbkdf2", "$scrypt"),
        r"\$(?:2[abxy]?|[1567y]|argon2(?:id|i|d)|apr1|pbkdf2[\w-]{0,12}|scrypt)\$[./A-Za-z0-9$=,+-]{20,200}",
        "crypt(5)",
    ),
    Kind(
        "one-time secret",
        ("otpauth://",),
        r"otpauth://[^\s\"']{1,200}?secret=([a-z2-7]{10,128})",
        "Key URI format",
        any_case=True,
    ),
)

HEADERS = (
    Kind(
        "header",
        ("authorization",),
        r"authorization[\"'`]?\s{0,3}[:=,]\s{0,3}[\"'`]?(?:[A-Za-z][A-Za-z0-9-]{1,20}[ :]\s{0,3})?"
        + _NOTHING
        + _WITH_DIGIT
        + r"([^\s\"'`,;<>{}]{6,4000})",
        "RFC 9110, section 11.6.2",
        any_case=True,
    ),
    Kind(
        "bearer token",
        ("bearer",),
        r"\bbearer[\s:=]{1,3}[\"'`]?" + _NOTHING + r"([a-z0-9._~+/=-]{8,4000})",
        "RFC 6750",
        _is_bearer,
        any_case=True,
    ),
    Kind(
        "basic credentials",
        ("basic",),
        r"\bbasic\s{1,3}([A-Za-z0-9+/_-]{8,2000}={0,2})",
        "RFC 7617",
        _is_basic,
        any_case=True,
    ),
    Kind(
        "cookie",
        ("cookie",),
        r"cookie2?[\"'`]?\s{0,3}[:=]\s{0,3}[\"'`]?([^\s=;\"']{1,80}=[^\n\"']{1,4000})",
        "RFC 6265",
        any_case=True,
    ),
    Kind(
        "session",
        ("sess", "connect.sid", "sid=", "remember", "xsrf", "csrf"),
        r"(?:sess(?:ion)?(?:[_.-]?(?:id|token|key|cookie))?|connect\.sid|\bsid|remember_?(?:me|token)"
        r"|[xc]srf[_-]?token)[\"'`]?\s{0,2}[:=]\s{0,2}[\"'`]?(?=[\w%.+/=-]{0,300}?[0-9])([\w%.+/=-]{16,400})",
        "OWASP: session management",
        any_case=True,
    ),
)

PLACES = (
    Kind(
        "password in a URL",
        ("://",),
        r"://[^\s/:@\"'<>]{0,128}:" + _NOTHING + r"([^\s/\"'<>]{1,256})@",
        "RFC 3986, section 3.2.1",
    ),
    Kind("token in a URL", ("://",), r"://([A-Za-z0-9_-]{20,256})@", "RFC 3986, section 3.2.1"),
    Kind(
        "signature in a URL",
        (
            "sig=",
            "signature=",
            "token=",
            "key=",
            "code=",
            "jwt=",
            "hmac=",
            "auth=",
            "secret=",
            "credential=",
        ),
        r"[?&;](?:[\w-]{0,30}(?:sig|signature|token|credential|secret|auth)|(?:access_?|api_?|app_?)?key|code|jwt|hmac)="
        + _NOTHING
        + r"((?=[^\s&\"'<>#]{0,500}?[0-9])[^\s&\"'<>#]{12,2000})",
        "AWS SigV4, Azure SAS, Google signed URLs, OAuth 2.0",
        any_case=True,
    ),
    Kind(
        "password in a DSN",
        ("@tcp(", "@unix(", "@udp("),
        r"(?<![\w.-])[\w.-]{1,64}:([^\s@:/]{3,128})@(?:tcp|unix|udp)\(",
        "go-sql-driver/mysql",
    ),
    Kind(
        "password in a DSN",
        ("jdbc:oracle",),
        r"jdbc:oracle:\w{1,8}:[^\s/:@]{1,64}/([^\s@]{1,128})@",
        "Oracle JDBC",
        any_case=True,
    ),
    Kind(
        "password in a DSN",
        (":5432:", ":6432:", ":*:"),
        r"[\w.*-]{1,100}:(?:5432|6432|\*):[\w*-]{1,64}:[\w*-]{1,64}:([^\s:]{3,128})",
        "PostgreSQL: the password file",
    ),
    Kind(
        "password",
        ("pass", "pwd"),
        rf"(?:{_PASSWORD}){_SUFFIX}{_OPERATOR}{_NOTHING}(?:{_QUOTED}|{_BARE})",
        "gitleaks generic-api-key; CWE-532",
        any_case=True,
    ),
    Kind(
        "secret",
        ("key", "token", "secret", "credential"),
        rf"(?:{_LONG_NAME}){_SUFFIX}{_OPERATOR}{_NOTHING}(?:{_QUOTED}|{_BARE})",
        "gitleaks generic-api-key; CWE-532",
        any_case=True,
    ),
    Kind(
        "secret",
        ("secret", "token", "auth", "cookie", "session", "signature", "jwt", "sid"),
        rf"(?:{_SHORT_NAME}){_SUFFIX}{_OPERATOR}[\"'`]?{_NOTHING}{_WITH_DIGIT}"
        r"([^\s\"'`,;<>(){}\[\]&|]{8,300})",
        "gitleaks generic-api-key; CWE-532",
        any_case=True,
    ),
    Kind(
        "password",
        ("password>", "passwd>", "secret>", "token>", "apikey>", "api-key>", "privatekey>"),
        r"<(?:[\w.:-]{0,30}(?:password|passwd|secret|token|apikey|api-key|privatekey))>\s{0,3}"
        + _NOTHING
        + r"([^<\s]{3,300})<",
        "CWE-532: settings in XML",
        any_case=True,
    ),
    Kind(
        "password",
        ("pass", "pin ", "secret", "token", "api key", "credential"),
        r"\b(?:password|passphrase|passcode|pin|secret|token|api key|credentials?)"
        r" (?:is|was|to|of) [\"'`]?"
        r"(?=[^\s\"'`,;]{0,100}?[0-9!$%^&*#])([^\s\"'`,;]{6,100})",
        "CWE-532: said in words",
        any_case=True,
    ),
)

COMMANDS = (
    Kind(
        "password",
        ("--",),
        r"--(?:[a-z]{1,20}-){0,3}(?:password|passwd|pass|passphrase|token|secret|api-?key|access-?key|secret-?key|auth-?key|credentials?)"
        r"[\"']?[\s,=]{1,3}[\"']?" + _NOTHING + r"(?!-)([^\s\"',]{3,300})",
        "CWE-214: secrets in a process's arguments",
        any_case=True,
    ),
    Kind(
        "password",
        (
            "mysql",
            "mariadb",
            "sshpass",
            "mongo",
            "docker",
            "podman",
            "helm",
            "az ",
            "htpasswd",
            "redis-cli",
        ),
        r"\b(?:mysql\w{0,10}|mariadb\w{0,10}|mongo\w{0,10})\b"
        r"[^\n|;&]{0,120}?\s-p([^\s\"'-][^\s\"']{2,128})"
        r"|\b(?:sshpass|docker login|podman login|registry login|az login|redis-cli|htpasswd)\b"
        r"[^\n|;&]{0,120}?\s-[apb]{1,2}\s{0,2}[\"']?([^\s\"'-][^\s\"']{2,128})",
        "mysql(1), sshpass(1), docker-login(1), redis-cli",
        any_case=True,
    ),
    Kind(
        "password",
        ("curl", "wget", "http"),
        r"\b(?:curl|wget|https?)\b[^\n|;]{0,120}?\s(?:-u|--user|-a|--auth)[ =]{0,2}"
        r"[\"']?[^\s:\"']{1,64}:([^\s\"']{3,128})",
        "gitleaks curl-auth-user",
        any_case=True,
    ),
    Kind(
        "password",
        ("login",),
        r"\blogin\s{1,8}\S{1,64}\s{1,8}password\s{1,8}(\S{3,128})",
        "netrc(5)",
        any_case=True,
    ),
    Kind(
        "password",
        ("identified", "password"),
        r"\b(?:identified\s{1,4}(?:with\s{1,4}\S{1,40}\s{1,4})?by|password)\s{1,4}'([^'\n]{3,128})'",
        "SQL: CREATE USER",
        any_case=True,
    ),
)
