"""Records as Duo sends them."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

IKEY = "DITESTTESTTESTTEST00"
SKEY = "test-skey-that-opens-nothing-00000000000"

Sent = dict[str, Any]


def settled_hour(back: int = 1) -> datetime:
    """Return the start of an hour that ended ``back`` hours before the current hour, in UTC."""
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    return now - timedelta(hours=back + 1)


def sent(at: datetime, **fields: Any) -> Sent:
    """Return a record as Duo sends it, with the given fields replaced or added."""
    return {
        "context": "authentication",
        "credits": 1,
        "phone": "+13125550123",
        "telephony_id": str(uuid.uuid4()),
        "ts": at.isoformat(timespec="microseconds"),
        "txid": str(uuid.uuid4()),
        "type": "sms",
        **fields,
    }


def spread(hour: datetime, count: int, hours: int = 1) -> list[Sent]:
    """Return ``count`` records, spread evenly over some hours."""
    step = timedelta(hours=hours) / (count + 1)
    return [sent(hour + step * number) for number in range(1, count + 1)]
