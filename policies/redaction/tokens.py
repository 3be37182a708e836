"""Long tokens of no known kind: what looks drawn by chance, unless it is an id or a digest.

What is ordinary was decided by measuring ordinary text (docs/security.md has the numbers).
"""

import re
from collections.abc import Iterator

from policies.redaction.spans import Span

NAME = "long token"
SHORTEST = 32
# How far around a token is looked for what it is.
_LOOK_BACK = 48
_URL_BACK = 400
# Names and words are made of few pairs of letters: these 190 of 676 are 87 % of the pairs in
# runbooks and Python sources, and 28 % of those in letters drawn by chance.
_PAIRS = frozenset(
    re.findall(
        "[a-z]+",
        "ab ac ad ag ai al am an ap ar as at au ay ba be bl bo bu ca ce ch ci ck cl co cr ct"
        " cu da dd de di do ds ea ec ed ee ef eg el em en ep er es et ev ex ey fa ff fi fo fr"
        " ge gh gi gr gs ha he hi ho ht ia ib ic id ie if ig il im in io ip ir is it iv ke la"
        " ld le li ll lo ls lt lu ly ma me mi mo mp na nc nd ne nf ng ni no ns nt nu nv ob oc"
        " od ol om on oo op or os ot ou ov ow pa pe pi pl po pp pr pt pu py qu ra rc rd re ri"
        " rm rn ro rr rs rt ru ry sa sc se sh si so sp ss st su ta tc te th ti to tp tr ts tt"
        " tu ty ub ue ui ul um un up ur us ut va ve vi wa wh wi wo xe xt yp",
    )
)
_USUAL_SHARE = 0.58
_ENOUGH_PAIRS = 6
# Unbroken, and of letters and digits: no version, date or list of words is.
_UNBROKEN = 20

# Names in a path are of shorter words; in a path that does not begin with a slash there are as many
# of them as base64 hardly ever has by chance.
_WORD_IN_PATH, _NAMES_IN_PATH = 16, 5

_RUN = re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9][A-Za-z0-9+/_-]{31,}+={0,2}")
_PIECE = re.compile(r"[A-Za-z0-9]+")
_DIGEST = re.compile(r"(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128})", re.I)
_HEX = re.compile(r"[0-9a-fA-F]+")
# Ids whose form says what they are: UUID (RFC 9562), traceparent (W3C), X-Ray, integrity (W3C SRI).
_IDS = re.compile(
    r"(?:[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
    r"|[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}"
    r"|1-[0-9a-f]{8}-[0-9a-f]{24}"
    r"|sha(?:1|256|384|512)[-_][A-Za-z0-9+/_-]{27,88})(?![0-9a-fA-F])"
)
_DIGEST_WORDS = (
    r"(?:sha\d{0,3}|md5|hash|digest|checksum|fingerprint|etag|commits?|rev|revision|tree|blob|head|base"
    r"|parents?|before|after|ref|refs|merge|traces?|spans?|correlation|requests?|req|invocation|build"
    r"|container|image|docker|layer|pod|policy|action|plan|root|version|gitsha|uid|uuid|id|key_id"
    r"|transaction|event|index|prev|object|file|package|pkg|git|at|from|to|of|and|vs|by)"
)
_DIGEST_BEFORE = re.compile(
    rf"(?:(?<![a-z0-9]){_DIGEST_WORDS}|(?<=[a-z])(?:Sha|Hash|Digest|Id|Uid|Trace|Span|Commit))"
    r"(?:[_. -]?(?:id|ids|sha|hash|value|hex|is|was|no|ref))?[\"'`]?[\s:=@#(\[<|\"'`~^.]{1,4}$"
    r"|[/@:.]{1,3}$|(?:^|[\n\r])\s{0,16}[\"'`]?$",
    re.IGNORECASE,
)
_PUBLIC_BEFORE = re.compile(
    r"(?:(?:(?<![A-Za-z])id|_id|Id)[\"']?\s?[:=]\s?[\"']?|\bh1:|\bSHA256:|\b(?:ssh-[a-z0-9-]{2,20}|ecdsa-[a-z0-9-]{2,24}|sk-[a-z0-9@.-]{2,40})\s{1,3})$"
)


def spans(text: str) -> Iterator[Span]:
    """Yield where long tokens of no known kind stand."""
    for found in _RUN.finditer(text):
        start, end = found.span()
        if _is_secret(found.group().rstrip("="), text, start):
            yield Span(start, end, NAME)


def _is_secret(run: str, text: str, start: int) -> bool:
    before = text[max(0, start - _LOOK_BACK) : start]
    rest = _IDS.sub("", run)
    if len(rest) < SHORTEST and rest != run:
        return False
    if _HEX.fullmatch(run):
        return not run.isdecimal() and not _is_digest(run, before)
    if not looks_random(run) or _PUBLIC_BEFORE.search(before):
        return False
    return not _is_path(run, text, start) and not _is_in_url(text, start)


def _is_digest(run: str, before: str) -> bool:
    return bool(_DIGEST.fullmatch(run) and _DIGEST_BEFORE.search(before))


def _is_path(run: str, text: str, start: int) -> bool:
    """Say whether the token is the path of a file whose names are made of words."""
    is_rooted = start > 0 and text[start - 1] == "/"
    if not is_rooted and run.count("/") < _NAMES_IN_PATH - 1:
        return False
    return all(len(piece) < _WORD_IN_PATH for piece in _PIECE.findall(run))


def _is_in_url(text: str, start: int) -> bool:
    """Say whether the token is part of an address; credentials in addresses are known kinds."""
    words = re.split(r"[\s\"'`<>|]", text[max(0, start - _URL_BACK) : start])
    return "://" in words[-1]


def looks_random(run: str) -> bool:
    """Say whether a text looks drawn by chance rather than written by somebody."""
    pieces = _PIECE.findall(run)
    has_digit = any(sign.isdigit() for sign in run)
    is_mixed = run != run.lower() and run != run.upper()
    if not has_digit and not is_mixed:
        return False
    pairs = [piece[at : at + 2] for piece in map(str.lower, pieces) for at in range(len(piece) - 1)]
    letters = [pair for pair in pairs if pair.isalpha()]
    if len(letters) >= _ENOUGH_PAIRS and len(set(run)) > len(run) / 4:
        usual = sum(pair in _PAIRS for pair in letters)
        if usual < _USUAL_SHARE * len(letters):
            return has_digit or len(letters) >= 3 * _ENOUGH_PAIRS
        return False
    longest = max(pieces, key=len, default="")
    is_unbroken = len(longest) >= _UNBROKEN and not longest.isdigit() and not longest.isalpha()
    return is_unbroken and len(set(longest)) >= _UNBROKEN / 2
