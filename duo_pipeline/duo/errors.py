"""What can go wrong between this machine and Duo, each in a sentence that says what to do."""

from collections.abc import Mapping
from typing import Literal

Code = int | Literal["dns", "connection", "tls"]
"""Duo's own code, or where on the way to Duo it went wrong."""

CURES: Mapping[int, str] = {
    40001: "a parameter is missing, which is a fault of this program: report it",
    40002: "Duo takes no such parameter: the hour may be older than the 180 days that Duo keeps",
    40101: "it saw no credentials: check DUO_IKEY and DUO_SKEY",
    40102: "it does not know the integration key: check DUO_IKEY, which must be an Admin API application's",
    40103: "the signature is wrong: check DUO_SKEY",
    40104: "it saw no time in the request, which is a fault of this program or of a proxy in between",
    40105: "the request's time is off",
    40301: "the Admin API application lacks a permission: give it 'Grant read log' in Duo's Admin Panel",
    40401: "there is no such resource: check DUO_API_HOST",
}
"""What helps against each of Duo's codes, by the code alone: Duo rewords its messages."""


class DuoError(Exception):
    """Duo could not be read; the text is one sentence for a person, without secrets.

    Attributes:
        code: What it was, for whoever has to tell one failure from another; None if Duo's answer made no
            sense.
    """

    def __init__(self, message: str, code: Code | None = None) -> None:
        super().__init__(message)
        self.code = code


class DuoRefusal(DuoError):
    """An answer that stays the same however often one asks."""


class DuoContradiction(DuoRefusal):
    """Answers of one query that cannot all be true: the query is over, and its hours have to be read anew."""


class DuoUnavailable(DuoError):
    """A failure that may pass: worth another try.

    Attributes:
        retry_after: The seconds that Duo asked to wait, if it did.
    """

    def __init__(self, message: str, retry_after: float | None = None, *, code: Code | None = None) -> None:
        super().__init__(message, code)
        self.retry_after = retry_after


def may_be_of_one_hour(error: Exception) -> bool:
    """Return whether the hours that were asked for may be the reason: others may then be had.

    So it is where Duo was reached and failed (5xx), or sent what makes no sense; 429 and what lies on the way
    to Duo meet every hour.
    """
    return isinstance(error, DuoUnavailable) and (
        error.code is None or (isinstance(error.code, int) and error.code >= 50000)
    )
