"""Errors of asking SecOps. Each text says what is wrong and what to do, without secrets."""

import socket
import ssl
from typing import Any

from duo_pipeline.masking import shown
from duo_pipeline.network import causes_of

CREDENTIALS = (
    "set GOOGLE_APPLICATION_CREDENTIALS to a file of workload identity federation or of a service account, or"
    " run where Google's metadata server gives credentials"
)


class SecOpsError(Exception):
    """SecOps could not be asked; the text is one sentence for a person.

    Attributes:
        code: The HTTP status of Google's answer; None if there was no answer.
        right: The right that the credentials lack; empty if that is not the reason.
    """

    def __init__(self, message: str, code: int | None = None, right: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.right = right


class SecOpsUnavailable(SecOpsError):
    """A failure that may pass, so that another try may help."""


def refused(what: str, right: str, error: Any, resource: str) -> SecOpsError:  # noqa: ANN401 - google-api-core has no types
    """Return the error for an answer that is not a success.

    Args:
        what: What was asked, after "SecOps did not".
        right: The right that the request needs.
        error: Google's ``GoogleAPICallError``.
        resource: The resource name of the instance.
    """
    code = int(error.code or 0)
    if code == 429:
        return SecOpsUnavailable(f"SecOps did not {what} (429): it got too many requests", code)
    if code >= 500:
        return SecOpsUnavailable(f"SecOps did not {what} ({code}): it had an internal error", code)
    lacks = ""
    match code:
        case 401:
            cure = f"Google does not accept the credentials: {CREDENTIALS}"
        case 403:
            lacks = right
            cure = (
                f"the credentials lack the right {right} on {resource}: give them roles/chronicle.viewer, or"
                " a role with this right, and check SECOPS_PROJECT"
            )
        case 404:
            cure = (
                f"there is no {resource}: check SECOPS_PROJECT, SECOPS_LOCATION and SECOPS_INSTANCE"
                " (SIEM Settings, Profile)"
            )
        case _:
            cure = f'Google says "{_words(error)}"'
    return SecOpsError(f"SecOps did not {what} ({code}): {cure}.", code, lacks)


def unreachable(what: str, host: str, error: BaseException) -> SecOpsError:
    """Return the error for a request that got no answer."""
    causes = causes_of(error)
    if any(isinstance(one, socket.gaierror) and one.errno == socket.EAI_NONAME for one in causes):
        return SecOpsError(f"There is no host {host}: check SECOPS_LOCATION, and this machine's DNS.")
    if any(isinstance(one, ssl.SSLCertVerificationError) for one in causes):
        return SecOpsError(
            f"The certificate of {host} is not trusted: if a proxy opens the connection, set"
            " REQUESTS_CA_BUNDLE to its certificates."
        )
    name = type(causes[-1]).__name__
    return SecOpsUnavailable(f"SecOps did not {what}: {host} cannot be reached ({name})")


def no_credentials(error: Exception) -> SecOpsError:
    """Return the error for credentials that are not there, or cannot be renewed."""
    return SecOpsError(f"There are no Google credentials that work ({type(error).__name__}): {CREDENTIALS}.")


def _words(error: Any) -> str:  # noqa: ANN401 - google-api-core has no types
    """Return Google's own words, without the method and the URL before them."""
    words = str(error.message)
    return shown(" ".join(words.split(": ", 1)[-1].split()))
