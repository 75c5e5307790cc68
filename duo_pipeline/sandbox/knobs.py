"""The knobs of the emulated Duo: behaviour that is not known of the real Duo, and failures."""

from datetime import UTC, datetime
from typing import Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, config=STRICT)
class Fault:
    """A failure of some requests for the telephony log.

    The faults of a list follow each other: `after` requests are answered normally, the next `times` requests
    fail, then the next fault of the list begins.

    Args:
        kind: `429` is Duo's 42901. `500`, `502` and `503` are that status with an HTML body. `reset` is a TCP
            reset. `cut` is a body that ends before its Content-Length. `garbage` is a 200 that is not JSON.
            `not_ok` is a 200 whose stat is FAIL. `stall` is the right answer, `seconds` late.
        times: How many requests fail.
        after: How many requests are answered normally before that.
        retry_after: The seconds of a Retry-After header, for `429` and the three with HTML. The real Duo does
            not send this header (elastic/integrations#11822).
        seconds: How long `stall` waits.
    """

    kind: Literal["429", "500", "502", "503", "reset", "cut", "garbage", "not_ok", "stall"]
    times: int = Field(default=1, ge=1)
    after: int = Field(default=0, ge=0)
    retry_after: int | None = None
    seconds: float = Field(default=0, ge=0)


Kind = Literal[
    "repeated_prompts",
    "number_range",
    "new_country",
    "expensive_destination",
    "spike",
    "enrollment_burst",
]
"""What an attack is like; `attacks.py` makes them."""
Strength = Literal["weak", "medium", "strong"]


@dataclass(frozen=True, config=STRICT)
class Attack:
    """An attack, whose records are among those of the log.

    Args:
        kind: What it is.
        at: When it begins, in ISO 8601 with an offset.
        strength: How strong it is.
    """

    kind: Kind
    at: str
    strength: Strength = "medium"

    def __post_init__(self) -> None:
        if self.start.tzinfo is None:
            raise ValueError("the time of an attack needs an offset")

    @property
    def start(self) -> datetime:
        """Return when it begins, in UTC."""
        moment = datetime.fromisoformat(self.at)
        return moment.astimezone(UTC) if moment.tzinfo else moment


@dataclass(frozen=True, config=STRICT)
class Knobs:
    """The behaviour of the emulated Admin API; the defaults are taken from samples of Duo's answers.

    ``Knobs(**values)`` makes them of a JSON object; a name or a value that is not valid is a `TypeError` or a
    `ValueError` that names it.

    Args:
        compare: Whether `ts` is compared with mintime and maxtime exactly, or floored to milliseconds.
        ts_zone: Whether `ts` ends in `+00:00` or in `Z`.
        ts_fraction: Whether `ts` always has six digits of fraction, or none if the microsecond is 0.
        cursor: Whether next_offset is `"<ms>,<telephony_id>"`, or a list of the two as in the v2
            authentication log.
        last_cursor: The next_offset of the last page; `unchanged` is the one that the client has sent. In
            Duo's own sample it is present.
        total: Whether total_objects is a number as in all samples, an object `{"relation", "value"}` as in
            duo_client's docstring, or absent.
        total_difference: Added to total_objects, so that Duo announces more or fewer records than it sends.
        repeats: How many records of the previous page each page repeats at its start.
        txid: Whether each txid is that of the log, empty, or null.
        page_size: The maximum length of a page, even if the client requests a higher limit.
        late_share: The share of the records that are shown late, 0 to 1; telephony_id decides which ones.
        late_seconds: How long after its `ts` a late record is shown. Incidents have taken up to 16 hours
            (status.duo.com).
        visible_delay_seconds: How long after its `ts` any other record is shown; Duo documents two minutes.
        history_days: How old a mintime may be; an older one is refused (duo_log_sync#36).
        requests_per_minute: How many requests are allowed in any 60 seconds. Beyond that the answer is 42901,
            and refused requests count too (duo_client_python#154). None means no limit; sources say anything
            from 1 to 50.
        send_retry_after: Whether that 42901 has a Retry-After header.
        grant_read_log: Whether the application may read logs; otherwise the answer is 40301.
        grant_read_information: Whether the application may read information; otherwise the answer is 40301.
        ignore_account_id: Whether each child account gets its parent's log, as if it had not been named.
        faults: The failures of the next requests for the telephony log.
        credits_remaining: How many credits are left.
        attacks: The attacks on the account.
    """

    compare: Literal["exact", "floored"] = "exact"
    ts_zone: Literal["offset", "Z"] = "offset"
    ts_fraction: Literal["always", "when_needed"] = "always"
    cursor: Literal["string", "list"] = "string"
    last_cursor: Literal["present", "null", "absent", "unchanged"] = "present"
    total: Literal["integer", "object", "absent"] = "integer"
    total_difference: int = 0
    ignore_account_id: bool = False
    repeats: int = Field(default=0, ge=0)
    txid: Literal["uuid", "empty", "null"] = "uuid"
    page_size: int | None = Field(default=None, ge=1)
    late_share: float = Field(default=0, ge=0, le=1)
    late_seconds: float = Field(default=0, ge=0)
    visible_delay_seconds: float = Field(default=120, ge=0)
    history_days: float = Field(default=180, gt=0)
    requests_per_minute: int | None = Field(default=None, ge=1)
    send_retry_after: bool = False
    grant_read_log: bool = True
    grant_read_information: bool = True
    faults: tuple[Fault, ...] = ()
    credits_remaining: int = 25_000
    attacks: tuple[Attack, ...] = ()
