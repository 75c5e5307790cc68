"""The knobs of the emulated SecOps: its delays, and what may go wrong between the bucket and the events."""

from collections.abc import Mapping
from typing import Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from duo_pipeline.sandbox.secops.parser import Change

STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, config=STRICT)
class Fault:
    """A failure of some requests.

    Args:
        status: The HTTP status of the answer.
        times: How many requests fail.
        after: How many requests are answered before that.
    """

    status: Literal[429, 500, 503]
    times: int = Field(default=1, ge=1)
    after: int = Field(default=0, ge=0)


@dataclass(frozen=True, config=STRICT)
class Knobs:
    """The behaviour of the emulated SecOps; the defaults are what is known of the real one.

    ``Knobs(**values)`` makes them of a JSON object; a name or a value that is not valid is a `TypeError` or a
    `ValueError` that names it.

    Args:
        transfer_minutes: A feed transfers objects each so many minutes, counted from midnight.
        transfer_delay_minutes: A transfer sees an object so many minutes after it was written.
        indexing_minutes: Statistical queries count an event so many minutes after it was ingested.
        feed: Whether the feeds are active, disabled by somebody, or fail.
        skipped: Objects whose keys contain one of these texts are never transferred.
        doubled: Objects whose keys contain one of these texts are ingested twice.
        parser: How the active parser differs from the one that is known: UDM fields that it drops or changes.
        custom_parser: Whether the active parser is the customer's own.
        extension: Whether a parser extension is active.
        refused_rights: The rights that the credentials do not have.
        faults: The failures of the next requests, one after the other.
    """

    transfer_minutes: float = Field(default=15, gt=0)
    transfer_delay_minutes: float = Field(default=1, ge=0)
    indexing_minutes: float = Field(default=60, ge=0)
    feed: Literal["active", "disabled", "failed"] = "active"
    skipped: tuple[str, ...] = ()
    doubled: tuple[str, ...] = ()
    parser: Mapping[str, Change] = Field(default_factory=dict)
    custom_parser: bool = False
    extension: bool = False
    refused_rights: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()
