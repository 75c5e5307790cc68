"""What flows from Duo to the feed."""

from dataclasses import dataclass
from typing import Any

from duo_pipeline.instants import Instant


@dataclass(frozen=True, slots=True)
class Record:
    """One telephony event: as Duo sent it, and when it was."""

    sent: dict[str, Any]
    at: Instant


@dataclass(frozen=True, slots=True)
class Reject:
    """What Duo sent and no hour can take, and why."""

    sent: Any
    reason: str


Entry = Record | Reject
