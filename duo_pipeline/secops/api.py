"""Ask one instance of SecOps: Google's own clients, credentials, time-outs and retries."""

import time
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, TypeVar

import requests
import tenacity

from duo_pipeline.secops.errors import SecOpsError, SecOpsUnavailable, no_credentials, refused, unreachable
from duo_pipeline.secops.instance import Instance

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
SECONDS = 60.0
"""How long one answer may take: a statistical query over 90 days takes some ten seconds."""
TRIES = 4
FIRST_WAIT_SECONDS = 2.0

T = TypeVar("T")
Json = dict[str, Any]


class SecOps:
    """Asks one instance of Google SecOps.

    The credentials are those that google-auth finds: a file that ``GOOGLE_APPLICATION_CREDENTIALS`` names, or
    the machine's own. A stand-in gets none.

    Args:
        instance: The instance.
        endpoint: The URL of a stand-in; without it, Google's own host for the instance's location.
        sleep: Waits for a number of seconds.

    Attributes:
        requests_sent: How many requests were sent, including the failed ones.
    """

    def __init__(
        self, instance: Instance, endpoint: str = "", *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.instance = instance
        self.requests_sent = 0
        self._stand_in = endpoint
        self._url = endpoint or f"https://{instance.location}-chronicle.googleapis.com"
        self._sleep = sleep

    @property
    def name(self) -> str:
        """Return the resource name of the instance."""
        return self.instance.name

    @cached_property
    def feeds(self) -> Any:  # noqa: ANN401 - Google's clients have no types
        """Google's client of the feeds."""
        from google.cloud import chronicle_v1  # this import takes a second

        return self._client(chronicle_v1.FeedsServiceClient)

    @cached_property
    def dashboards(self) -> Any:  # noqa: ANN401 - Google's clients have no types
        """Google's client of statistical queries."""
        from google.cloud import chronicle_v1  # this import takes a second

        return self._client(chronicle_v1.DashboardQueryServiceClient)

    def call(self, what: str, right: str, method: Callable[..., T], request: object) -> T:
        """Return the answer to a request, which is tried again after a 429, a 5xx and a failed connection.

        Args:
            what: What is asked, in words that follow "SecOps did not".
            right: The right that the request needs.
            method: The method of Google's client.
            request: The request that it takes.

        Raises:
            SecOpsError: SecOps refused the request, or could not be reached.
        """
        return self._retried(what, right, lambda: method(request=request, retry=None, timeout=SECONDS))

    def rest(
        self, what: str, right: str, method: str, path: str, *, body: Json | None = None, **parameters: str
    ) -> Json:
        """Return the JSON answer of a path for which Google's client has no class.

        Args:
            what: As in `call`.
            right: As in `call`.
            method: ``GET`` or ``POST``.
            path: The path below the instance.
            body: The JSON that is sent.
            parameters: The query of the URL.

        Raises:
            SecOpsError: As in `call`.
        """

        def send() -> Json:
            from google.api_core.exceptions import from_http_response

            response = self._session.request(
                method,
                f"{self._url}/v1alpha/{self.name}/{path}",
                json=body,
                params=parameters,
                timeout=SECONDS,
                allow_redirects=False,
            )
            if response.status_code != 200:
                raise from_http_response(response)  # type: ignore[no-untyped-call]
            answer = response.json()
            if not isinstance(answer, Mapping):
                raise SecOpsError(f"SecOps did not {what}: its answer is not a JSON object.")
            return dict(answer)

        return self._retried(what, right, send)

    def _retried(self, what: str, right: str, send: Callable[[], T]) -> T:
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(SecOpsUnavailable),
            stop=tenacity.stop_after_attempt(TRIES),
            wait=tenacity.wait_exponential(multiplier=FIRST_WAIT_SECONDS),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            answer: T = retrying(self._try, what, right, send)
        except SecOpsUnavailable as error:
            raise SecOpsUnavailable(f"{error} (tried {TRIES} times): try again later.", error.code) from None
        return answer

    def _try(self, what: str, right: str, send: Callable[[], T]) -> T:
        from google.api_core.exceptions import GoogleAPICallError, RetryError
        from google.auth.exceptions import GoogleAuthError, TransportError

        self.requests_sent += 1
        try:
            return send()
        except GoogleAPICallError as error:
            raise refused(what, right, error, self.name) from None
        except (TransportError, RetryError, requests.RequestException) as error:
            raise unreachable(what, self._url.partition("://")[2], error) from None
        except GoogleAuthError as error:
            raise no_credentials(error) from None

    def _client(self, client_class: Callable[..., Any]) -> Any:  # noqa: ANN401 - Google's clients have no types
        from google.api_core.client_options import ClientOptions

        return client_class(
            credentials=self._credentials,
            transport="rest",
            client_options=ClientOptions(api_endpoint=self._stand_in or self._url.partition("://")[2]),
        )

    @cached_property
    def _credentials(self) -> Any:  # noqa: ANN401 - google-auth has no types
        import google.auth
        from google.auth.credentials import AnonymousCredentials
        from google.auth.exceptions import GoogleAuthError

        if self._stand_in.startswith("http://"):
            return AnonymousCredentials()  # type: ignore[no-untyped-call]
        try:
            credentials, _ = google.auth.default(scopes=[SCOPE])
        except (GoogleAuthError, OSError, ValueError) as error:
            raise no_credentials(error) from None
        return credentials

    @cached_property
    def _session(self) -> requests.Session:
        from google.auth.transport.requests import AuthorizedSession

        session: requests.Session = AuthorizedSession(self._credentials)  # type: ignore[no-untyped-call]
        return session
