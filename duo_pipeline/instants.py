"""Read and write points in time as Duo and Google do: in ISO 8601, without losing digits."""

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

NANOSECONDS = 1_000_000_000
HOUR_NS = 3600 * NANOSECONDS
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UTC = (None, "Z", "z", "+00:00")
_ISO = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)[Tt ](?P<time>\d\d:\d\d:\d\d)(?:[.,](?P<fraction>\d+))?"
    r" ?(?P<offset>[Zz]|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII,
)


class Instant(NamedTuple):
    """A point in time.

    Attributes:
        ns: Unix nanoseconds; a fraction is cut after its ninth digit.
        utc: ISO 8601 in UTC, ending in ``Z``, with all digits of the original fraction.
    """

    ns: int
    utc: str


def parse(text: object) -> Instant:
    """Read an ISO 8601 instant with a time of day.

    The fraction may be missing, and the offset may be ``Z``. A missing offset means UTC: Duo writes
    ``2023-03-21T22:34:49.466370+00:00`` and documents its log in UTC.

    Raises:
        ValueError: ``text`` is not a valid instant, or names a day or time that does not exist.
    """
    match = _ISO.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError("not an ISO 8601 instant")
    date, time, fraction, offset = match.groups()
    utc = f"{date}T{time}"
    try:
        moment = datetime.fromisoformat(f"{utc}+00:00")
    except ValueError:
        raise ValueError("a day or a time that does not exist") from None
    if offset not in _UTC:
        try:
            moment -= _offset(offset)
        except OverflowError:
            raise ValueError("an instant before year 1 or after year 9999") from None
        utc = moment.isoformat()[:19]
    ns = int(moment.timestamp()) * NANOSECONDS
    if not fraction:
        return Instant(ns, f"{utc}Z")
    return Instant(ns + int(fraction[:9].ljust(9, "0")), f"{utc}.{fraction}Z")


def of_unix(seconds: float) -> Instant:
    """Return the instant of Unix seconds.

    Raises:
        ValueError: The instant is before year 1 or after year 9999, or ``seconds`` is not a number.
    """
    try:
        ns = seconds * NANOSECONDS if isinstance(seconds, int) else round(seconds * 1e6) * 1000
        return Instant(ns, iso(ns))
    except (OverflowError, ValueError):
        raise ValueError("not a time between year 1 and year 9999") from None


def _offset(text: str) -> timedelta:
    digits = text[1:].replace(":", "")
    hours, minutes = int(digits[:2]), int(digits[2:] or 0)
    if hours > 23 or minutes > 59:
        raise ValueError("an offset from UTC of more than a day")
    return timedelta(hours=hours, minutes=minutes) * (-1 if text[0] == "-" else 1)


def iso(ns: int) -> str:
    """Return Unix nanoseconds as ISO 8601 in UTC, ending in ``Z``, with 0, 3, 6 or 9 digits of fraction.

    Protobuf's JSON format writes a Timestamp in the same way.
    """
    seconds, fraction = divmod(ns, NANOSECONDS)
    text = (_EPOCH + timedelta(seconds=seconds)).isoformat()[:19]
    digits = f"{fraction:09d}"
    while digits.endswith("000"):
        digits = digits[:-3]
    return f"{text}.{digits}Z" if digits else f"{text}Z"


def unix_ms(moment: datetime) -> int:
    """Return the Unix milliseconds of an aware ``moment``, rounded down."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def to_ns(moment: datetime) -> int:
    """Return the Unix nanoseconds of an aware ``moment``."""
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000
