"""Errors of reading Duo. Each text says what is wrong and what to do."""

from collections.abc import Mapping
from typing import Literal

Code = int | Literal["dns", "connection", "proxy", "tls", "gateway"]
"""Duo's own code, or the part of the connection that failed."""

CURES: Mapping[int, str] = {
    40001: "a parameter is missing, which is a bug in duo-pipeline: open an issue for it",
    40002: "Duo does not accept a parameter, which is a bug in duo-pipeline: open an issue for it",
    40101: "the request had no credentials: check DUO_IKEY and DUO_SKEY",
    40102: "Duo does not know the integration key: check DUO_IKEY, which must be that of an Admin API app",
    40103: "the signature is wrong: check DUO_SKEY",
    40104: "the request had no Date: if no proxy removes it, open an issue for duo-pipeline",
    40105: "the time in the request is wrong",
    40301: "the Admin API application lacks a permission: give it 'Grant read log' in Duo's Admin Panel",
    40401: "the resource does not exist: check DUO_API_HOST",
}
"""What to do about each of Duo's codes. The keys are codes because Duo rewords its messages."""


class DuoError(Exception):
    """Duo could not be read; the text is one sentence for a person, without secrets.

    Attributes:
        code: Which failure it was, for code that treats failures differently; None if Duo's answer made no
            sense.
    """

    def __init__(self, message: str, code: Code | None = None) -> None:
        super().__init__(message)
        self.code = code


class DuoRefusal(DuoError):
    """Duo refused the request, and a retry would not help."""


class DuoContradiction(DuoRefusal):
    """Duo's answers to one query make no sense or contradict each other: its hours must be read again."""


class DuoUnavailable(DuoError):
    """A failure that may be temporary, so that a retry may help.

    Attributes:
        retry_after: How many seconds Duo asked to wait, if it did.
    """

    def __init__(self, message: str, retry_after: float | None = None, *, code: Code | None = None) -> None:
        super().__init__(message, code)
        self.retry_after = retry_after


def may_be_of_one_hour(error: Exception) -> bool:
    """Return whether the error may come from the requested hours, so that other hours may be readable.

    This is the case if Duo was reached and failed (5xx), or sent an answer that makes no sense. A 429 or a
    connection error affects every hour.
    """
    if isinstance(error, DuoRefusal):
        return error.code is None
    return isinstance(error, DuoUnavailable) and (
        error.code is None or (isinstance(error.code, int) and error.code >= 50000)
    )
