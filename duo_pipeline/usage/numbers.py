"""Tell the country and the kind of a phone number, from Google's libphonenumber."""

import hashlib
from functools import lru_cache
from typing import NamedTuple

import phonenumbers
from phonenumbers import PhoneNumberType

UNREADABLE = "unreadable"
"""The country of a number that cannot be read."""
WORLDWIDE = "worldwide"
"""The country of a number that belongs to no country, as those of satellites do."""
ORDINARY = "ordinary"
_KINDS = {
    PhoneNumberType.PREMIUM_RATE: "premium",
    PhoneNumberType.SHARED_COST: "shared cost",
    PhoneNumberType.PERSONAL_NUMBER: "personal",
}
_WORLDWIDE_KINDS = {
    808: "shared cost",
    870: "satellite",  # Inmarsat
    881: "satellite",  # Globalstar, Iridium
    882: "international network",  # Thuraya and others
    883: "international network",
    979: "premium",
}
EXPENSIVE = frozenset({*_KINDS.values(), *_WORLDWIDE_KINDS.values()})
"""The kinds of numbers that cost far more than an ordinary call."""
_REST = 3
"""The country and the kind of a number do not depend on its last digits."""
_SHORTEST = 11


class Number(NamedTuple):
    """What is known of a phone number.

    Attributes:
        country: Its ISO 3166 code, `WORLDWIDE`, or `UNREADABLE`.
        kind: One of `EXPENSIVE`, or `ORDINARY`.
        digits: The number as an integer, for finding neighbours; -1 if it cannot be read.
    """

    country: str
    kind: str
    digits: int


def number(text: str) -> Number:
    """Return what is known of a phone number in E.164, as Duo writes it."""
    digits = text[1:]
    if not (text.startswith("+") and digits.isascii() and digits.isdecimal() and 5 <= len(digits) <= 15):
        return Number(UNREADABLE, ORDINARY, -1)
    rest = _REST if len(text) > _SHORTEST else 0
    country, kind = _country_and_kind(text[: len(text) - rest], rest)
    return Number(country, kind, -1 if country == UNREADABLE else int(digits))


def digest(text: str) -> str:
    """Return what tells a number from others and does not show it."""
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8).hexdigest()


@lru_cache(maxsize=65_536)
def _country_and_kind(prefix: str, rest: int) -> tuple[str, str]:
    """Return the country and the kind; libphonenumber takes 50 µs for each, so they are kept by prefix."""
    try:
        parsed = phonenumbers.parse(prefix + "2" * rest)
    except phonenumbers.NumberParseException:
        return UNREADABLE, ORDINARY
    code = parsed.country_code or 0
    main = phonenumbers.region_code_for_country_code(code)
    if main == "001":
        return WORLDWIDE, _WORLDWIDE_KINDS.get(code, ORDINARY)
    country = phonenumbers.region_code_for_number(parsed) or main
    return country, _KINDS.get(phonenumbers.number_type(parsed), ORDINARY)
