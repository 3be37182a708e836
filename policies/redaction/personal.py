"""Personal data that has a form: e-mail addresses, phone numbers, payment cards, bank accounts."""

import re
from collections.abc import Iterator

from policies.model import Strict
from policies.redaction.spans import Span

EMAIL, PHONE, CARD, IBAN = "e-mail address", "phone number", "card number", "IBAN"
NAMES = (EMAIL, PHONE, CARD, IBAN)


class PersonalData(Strict):
    """Which kinds are taken out; every one is unless the operator says otherwise."""

    email: bool = True
    phone: bool = True
    card: bool = True
    iban: bool = True


# RFC 5321: 64 before the sign, labels of 63. A look behind: each address is begun once.
_EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+-])(?P<who>[A-Za-z0-9_+](?:[A-Za-z0-9._%+-]{0,63}))"
    r"@(?:[A-Za-z0-9-]{1,63}\.){1,8}(?P<top>[A-Za-z]{2,24})(?![A-Za-z0-9-])"
)
# Nobody's: robots, and names that only look like addresses (systemd units, hosts inside).
_NOBODY = frozenset({"git", "no-reply", "noreply", "donotreply", "do-not-reply", "mailer-daemon"})
_NO_TOP = frozenset(
    {"service", "socket", "timer", "mount", "target", "slice", "scope", "local", "internal", "svc"}
)
# ITU E.164: a plus, a country code, at most 15 digits. Without a plus it might be any number.
_PHONE = re.compile(r"(?<![\w+.:-])(?:tel:)?\+[1-9](?:[ .()/-]{0,2}[0-9]){8,14}(?![\w:]|[.-]\d)")
# Every card and account has so many digits in a row; most texts have not.
_MANY_DIGITS = re.compile(r"[0-9][0-9 -]{8,40}[0-9]")
_CARD = re.compile(r"(?<![\w.+-])[2-6](?:[ -]?[0-9]){13,15}(?![\w-]|\.\d)")
# ISO/IEC 7812: first digits and lengths of the networks.
_NETWORK = re.compile(
    r"4\d{15}|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}"
    r"|3(?:0[0-5]|[68]\d)\d{11}|35(?:2[89]|[3-8]\d)\d{12}|6(?:011|4[4-9]\d|5\d\d)\d{12}|62\d{14}"
)
_IBAN = re.compile(
    r"(?<![A-Z0-9])[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![A-Z0-9])",
    re.IGNORECASE,
)
# The IBAN registry (SWIFT, ISO 13616): how long an account number of a country is.
_IBAN_LENGTH = dict(
    re.findall(
        "([A-Z]{2}):([0-9]{2})",
        "AD:24 AE:23 AL:28 AT:20 AZ:28 BA:20 BE:16 BG:22 BH:22 BR:29 CH:21 CR:22 CY:28 CZ:24"
        " DE:22 DK:18 DO:28 EE:20 EG:29 ES:24 FI:18 FO:18 FR:27 GB:22 GE:22 GI:23 GL:18 GR:27"
        " GT:28 HR:21 HU:28 IE:22 IL:23 IQ:23 IS:26 IT:27 JO:30 KW:30 KZ:20 LB:28 LI:21 LT:20"
        " LU:20 LV:21 MC:27 MD:24 ME:22 MK:19 MR:27 MT:31 MU:30 NL:18 NO:15 PK:24 PL:28 PS:29"
        " PT:25 QA:29 RO:24 RS:22 SA:24 SE:24 SI:19 SK:24 SM:27 TN:24 TR:26 UA:29 VA:22 VG:24"
        " XK:20",
    )
)
_LUHN_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


class Personal:
    """Finds the personal data that a policy names."""

    def __init__(self, policy: PersonalData) -> None:
        self._policy = policy

    def spans(self, text: str) -> Iterator[Span]:
        """Yield where personal data stands."""
        policy = self._policy
        if policy.email and "@" in text:
            yield from _emails(text)
        if policy.phone and "+" in text:
            yield from (Span(*found.span(), PHONE) for found in _PHONE.finditer(text))
        if _MANY_DIGITS.search(text) is None:
            return
        if policy.card:
            yield from (
                Span(*found.span(), CARD)
                for found in _CARD.finditer(text)
                if is_card(found.group())
            )
        if policy.iban:
            yield from _ibans(text)


def _emails(text: str) -> Iterator[Span]:
    for found in _EMAIL.finditer(text):
        is_somebody = found["who"].lower() not in _NOBODY and found["top"].lower() not in _NO_TOP
        # `ssh://deploy@host.example` names a host; a password there is a kind of its own.
        is_user = text[max(0, found.start() - 3) : found.start()] == "://"
        if is_somebody and not is_user:
            yield Span(*found.span(), EMAIL)


def _ibans(text: str) -> Iterator[Span]:
    for found in _IBAN.finditer(text):
        start, end = found.span()
        # What follows may have been taken for its last groups.
        while end > start:
            if is_iban(text[start:end]):
                yield Span(start, end, IBAN)
                break
            end = text.rfind(" ", start, end)


def is_card(text: str) -> bool:
    """Say whether these are the digits of a payment card (ISO/IEC 7812, Luhn)."""
    digits = re.sub(r"[^0-9]", "", text)
    if not _NETWORK.fullmatch(digits):
        return False
    total = sum(
        _LUHN_DOUBLED[int(digit)] if place % 2 else int(digit)
        for place, digit in enumerate(reversed(digits))
    )
    return total % 10 == 0


def is_iban(text: str) -> bool:
    """Say whether this is an account number whose check digits are right (ISO 13616)."""
    plain = text.replace(" ", "").upper()
    if _IBAN_LENGTH.get(plain[:2]) != str(len(plain)):
        return False
    moved = plain[4:] + plain[:4]
    return int("".join(str(int(sign, 36)) for sign in moved)) % 97 == 1
