"""Generate lines with every known quirk from a seed."""

import json
import random
from collections.abc import Iterator
from typing import Any

_ABSENT = object()
_TEXTS = (
    "",
    "sms",
    "phone",
    "authentication",
    "verify",
    "é ü",
    "\u2028",
    "\x00",
    'a "quote"',
    "x" * 300,
    " ",
)
_STRANGE: tuple[Any, ...] = (None, True, False, [], {}, ["x"], {"a": 1}, 0, 5, -1, 1.5, 2**70, 1e400, "")
_HOSTS = ("api-1.duosecurity.com", "192.0.2.1", "2001:db8::1", "::1", "192.0.2.256", "1.1.1", "host name", "")
_PHONES = ("+12125550100", "+447700900000", "12125550100", "+1", "", "unknown", "+1 212 555 0100")
_CREDITS: tuple[Any, ...] = (0, 1, 5, "1", "05", "", 1.0, None, True, "five")
_TIMES: tuple[Any, ...] = (
    "2024-10-12T10:00:00Z",
    "2024-10-12T10:00:00.123456Z",
    "2024-10-12T10:00:00.123456789Z",
    "2024-10-12T10:00:00.100000Z",
    "2024-10-12T10:00:00.000000Z",
    "2024-10-12T10:00:00.1Z",
    "2024-10-12T10:00:00,5Z",
    "2024-10-12T10:00:00.1234567891Z",
    "2024-10-12T12:00:00+02:00",
    "2024-10-12T12:00:00.466370+0200",
    "2024-10-12T01:00:00-09",
    "2024-10-12 10:00:00",
    "2024-10-12t10:00:00z",
    "2024-02-30T10:00:00Z",
    "2024-10-12T24:00:00Z",
    "2024-10-12T10:60:00Z",
    "2024-10-12T10:00:60Z",
    "0001-01-01T00:00:00+01:00",
    "9999-12-31T23:59:59.999999999Z",
    "2024-10-12",
    "1728727200",
    "",
    "soon",
    1728727200,
    1728727200.5,
    0,
    -1,
    -0.25,
    253402300799,
    253402300800,
    1e300,
    True,
    None,
    [],
)
_FIELDS: dict[str, tuple[Any, ...]] = {
    "context": _TEXTS,
    "credits": _CREDITS,
    "eventtype": ("telephony", "", "other"),
    "host": _HOSTS,
    "phone": _PHONES,
    "telephony_id": ("5bf1a860-fe39-49e3-be29-217659663a74", "", "é" * 200, "a\\b"),
    "timestamp": _TIMES,
    "ts": _TIMES,
    "txid": ("", None, "5bf1a860-fe39-49e3-be29-217659663a75"),
    "type": _TEXTS,
    "new_key": ("x", 1, None),
}
_NOT_OBJECTS = (b"", b" ", b"[]", b'"x"', b"1", b"null", b"{", b'{"a":}', b"\xff", b"{} {}", b"[" * 100_000)


def quirky_line(rng: random.Random) -> bytes:
    """Return a line; one in fifty is not a JSON object."""
    if rng.random() < 0.02:
        return rng.choice(_NOT_OBJECTS)
    record: dict[str, Any] = {}
    fields = list(_FIELDS)
    rng.shuffle(fields)
    for field in fields:
        value = rng.choice(_STRANGE) if rng.random() < 0.1 else rng.choice((*_FIELDS[field], _ABSENT))
        if value is not _ABSENT:
            record[field] = value
    return json.dumps(record, ensure_ascii=rng.random() < 0.5).encode()


def hostile_line(rng: random.Random) -> bytes:
    """Return random bytes, random JSON, or a quirky line with some changed bytes."""
    match rng.randrange(4):
        case 0:
            return rng.randbytes(rng.randrange(40)).replace(b"\n", b"")
        case 1:
            return json.dumps(_any_json(rng, 4)).encode()
        case 2:
            line = bytearray(quirky_line(rng)[:2000])
            for _ in range(rng.randrange(4)):
                if line:
                    line[rng.randrange(len(line))] = rng.choice(b'{}[]",:\\u0d8e\xc3\x00 1')
            return bytes(line)
        case _:
            keys = [*_FIELDS, "", "\ud800", "a" * 500]
            return json.dumps(
                {rng.choice(keys): _any_json(rng, 2) for _ in range(rng.randrange(12))}
            ).encode()


def lines(count: int, make: Any, seed: int) -> Iterator[tuple[str, int, bytes]]:
    """Yield ``count`` lines, each with its object and number."""
    rng = random.Random(seed)
    for number in range(1, count + 1):
        yield "s3://bucket/object", number, make(rng)


def _any_json(rng: random.Random, depth: int) -> Any:
    match rng.randrange(8 if depth else 6):
        case 0:
            return rng.choice(_STRANGE)
        case 1:
            return rng.choice(_TIMES)
        case 2:
            return "".join(chr(rng.choice((rng.randrange(0xD800), 0xD800, 0x1F600))) for _ in range(5))
        case 3:
            return rng.choice((float("nan"), float("inf"), 10**400, -(2**63) - 1, 1e-320))
        case 4:
            return rng.choice((*_PHONES, *_HOSTS))
        case 5:
            return rng.randrange(10**12)
        case 6:
            return [_any_json(rng, depth - 1) for _ in range(rng.randrange(3))]
        case _:
            return {str(_any_json(rng, 0)): _any_json(rng, depth - 1) for _ in range(rng.randrange(3))}
