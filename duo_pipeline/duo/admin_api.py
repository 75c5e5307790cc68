"""One request to Duo's Admin API, signed, and tried again when that may help."""

import email.utils
import random
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

import requests
import tenacity
import urllib3

from duo_pipeline import __version__
from duo_pipeline.duo import answer as answers
from duo_pipeline.duo.errors import CURES, Code, DuoError, DuoRefusal, DuoUnavailable
from duo_pipeline.duo.host import ApiHost
from duo_pipeline.duo.signature import canonical_parameters, sign
from duo_pipeline.masking import mask_phones

CONNECT_SECONDS = 10.0
READ_SECONDS = 30.0
"""How long Duo may be silent; a page takes it a few seconds at most."""
PAGE_SECONDS = 180.0
"""How long one answer may take in all, so that a trickle of bytes cannot hold a run for ever."""
LONGEST_WAIT_SECONDS = 120.0
LONGEST_RETRY_AFTER_SECONDS = 900.0
"""Whoever is told to wait longer comes back later rather than hold the place of others."""
_CHUNK = 1 << 16

OnWait = Callable[[str, float], None]


class AdminApi:
    """Duo's Admin API as one application sees it.

    Args:
        host: Where it is.
        ikey: The integration key of the Admin API application.
        skey: Its secret key.
        account_id: The child account to ask for, where the application is that of an MSP's parent account;
            it goes with each request (duo_client's ``Admin.account_id``).
        retry_base_seconds: The first wait after a failure; each further one is twice as long, up to 120 s.
        retry_attempts: How often one request is tried in all.
        on_wait: Is told, before each wait, the reason and the seconds.
        session: The HTTP session.
        clock: Unix seconds; dates the requests.
        monotonic: Seconds of a clock that never jumps; bounds one answer.
        sleep: Waits so many seconds.
        jitter: A random number from 0 to 1; a wait is up to a quarter longer by it.

    Attributes:
        requests_sent: How many requests were sent, the failed ones among them: each costs quota.
    """

    def __init__(
        self,
        host: ApiHost,
        *,
        ikey: str,
        skey: str,
        account_id: str = "",
        retry_base_seconds: float = 30.0,
        retry_attempts: int = 8,
        on_wait: OnWait = lambda *_: None,
        session: requests.Session | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.requests_sent = 0
        self.host = host
        self._ikey = ikey
        self._skey = skey
        self._of_account = {"account_id": account_id} if account_id else {}
        self._retry_base_seconds = retry_base_seconds
        self._retry_attempts = retry_attempts
        self._on_wait = on_wait
        self._session = session or requests.Session()
        self._clock = clock
        self._monotonic = monotonic
        self._sleep = sleep
        self._jitter = jitter

    def get(self, path: str, parameters: Mapping[str, str]) -> dict[str, Any]:
        """Ask Duo, and give the ``response`` of its answer.

        Tried again: 429, 5xx, a body that is cut off or no JSON, connection errors, time-outs. Each try is
        dated and signed afresh, since Duo refuses an old Date (40103).

        Raises:
            DuoRefusal: Duo will not answer this, now or later.
            DuoUnavailable: The last try failed, too.
        """
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(DuoUnavailable),
            stop=tenacity.stop_after_attempt(self._retry_attempts),
            wait=self._wait,
            sleep=self._sleep,
            before_sleep=self._before_sleep,
            reraise=True,
        )
        try:
            return retrying(self._try, path, {**parameters, **self._of_account}, self._dates())
        except DuoUnavailable as error:
            tries = f" (tried {self._retry_attempts} times)" if self._retry_attempts > 1 else ""
            sentence = f"{error}{tries}: it may pass, so run this again later."
            raise DuoUnavailable(sentence, error.retry_after, code=error.code) from None

    def _wait(self, state: tenacity.RetryCallState) -> float:
        error = _error_of(state)
        if error.retry_after:  # not where it is 0: tries that come too early burn quota
            return error.retry_after
        doubled = self._retry_base_seconds * 2.0 ** (state.attempt_number - 1)
        return min(LONGEST_WAIT_SECONDS, doubled * (1 + self._jitter() / 4))

    def _before_sleep(self, state: tenacity.RetryCallState) -> None:
        self._on_wait(str(_error_of(state)), state.upcoming_sleep)

    def _dates(self) -> Iterator[str]:
        """Give a Date for each try: the time, but at least a second after the one before."""
        second = 0.0
        while True:
            second = max(self._clock() // 1, second + 1)
            yield email.utils.formatdate(second)

    def _try(self, path: str, parameters: Mapping[str, str], dates: Iterator[str]) -> dict[str, Any]:
        date = next(dates)
        signature = sign(
            self._skey, date=date, method="GET", host=self.host.name, path=path, parameters=parameters
        )
        self.requests_sent += 1
        try:
            # auth= rather than a header of one's own, over which requests would prefer a ~/.netrc
            with self._session.get(
                f"{self.host.url}{path}?{canonical_parameters(parameters)}",
                headers={"Date": date, "User-Agent": f"duo-pipeline/{__version__}"},
                auth=(self._ikey, signature),
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                allow_redirects=False,
                stream=True,
            ) as response:
                return self._answer(response, self._body(response))
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise _connection_error(error, self.host) from None

    def _body(self, response: requests.Response) -> bytes:
        deadline = self._monotonic() + PAGE_SECONDS
        body = bytearray()
        while chunk := response.raw.read1(_CHUNK, decode_content=True):
            body += chunk
            if self._monotonic() > deadline:
                raise DuoUnavailable(f"Duo's answer was not whole after {PAGE_SECONDS:.0f} s")
        return bytes(body)

    def _answer(self, response: requests.Response, body: bytes) -> dict[str, Any]:
        status = response.status_code
        try:
            answer = answers.read(body)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            if status == 200:
                raise DuoUnavailable("Duo's answer was cut off, or is not JSON")
            raise self._refused(response, status * 100, "")
        if status == 200 and answer.get("stat") == "OK":
            content = answer.get("response")
            if isinstance(content, dict) and isinstance(content.get("items"), list):
                return content
            raise DuoUnavailable("Duo's answer holds no telephony log")
        code = answer.get("code")
        words = "; ".join(str(answer[key]) for key in ("message", "message_detail") if answer.get(key))
        raise self._refused(
            response, code if isinstance(code, int) and code >= 10000 else status * 100, words
        )

    def _refused(self, response: requests.Response, code: int, words: str) -> DuoError:
        said = f' saying "{self._harmless(words)}"' if words else ""
        if code // 100 == 429 or code >= 50000:
            what = "got too many requests" if code < 50000 else "had a failure of its own"
            retry_after = self._retry_after(response)
            if retry_after is not None and retry_after > LONGEST_RETRY_AFTER_SECONDS:
                return DuoRefusal(
                    f"Duo {what} ({code}) and asks to wait {retry_after:.0f} s: run this again then.", code
                )
            return DuoUnavailable(f"Duo {what} ({code})", retry_after, code=code)
        if 30000 <= code < 40000:
            return DuoRefusal(
                f"{self.host.name} sent the request elsewhere ({code // 100}), which is not followed:"
                " check DUO_API_HOST.",
                code,
            )
        cure = CURES.get(code, "the cure is not known: look the code up in Duo's Admin API documentation")
        if code == 40105:
            cure = self._skew(response)
        return DuoRefusal(f"Duo refused the request ({code}){said}: {cure}.", code)

    def _harmless(self, words: str) -> str:
        for secret in (self._skey, self._ikey):
            words = words.replace(secret, "•••")
        return mask_phones(" ".join(words.split())[:200])

    def _skew(self, response: requests.Response) -> str:
        try:
            theirs = parsedate_to_datetime(response.headers["Date"]).timestamp()
        except (KeyError, ValueError):
            return f"{CURES[40105]}, and it does not say by how much: set this machine's clock (NTP)"
        skew = self._clock() - theirs
        side = "ahead of" if skew >= 0 else "behind"
        return f"this machine's clock is {abs(skew):.0f} s {side} Duo's: set it (NTP)"

    def _retry_after(self, response: requests.Response) -> float | None:
        text = response.headers.get("Retry-After", "").strip()
        if text.isdecimal():
            return float(text)
        try:
            moment = parsedate_to_datetime(text)
            return max(0.0, moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() - self._clock())
        except (ValueError, OverflowError):
            return None


def _error_of(state: tenacity.RetryCallState) -> DuoUnavailable:
    error = state.outcome.exception() if state.outcome else None
    assert isinstance(error, DuoUnavailable)  # noqa: S101 - the only kind that is tried again
    return error


def _connection_error(error: Exception, host: ApiHost) -> DuoError:
    causes = list(_causes(error))
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return DuoRefusal(
            f"The certificate of {host.name} is not trusted: check DUO_API_HOST, this machine's"
            " certificates, and whether a proxy stands in between.",
            "tls",
        )
    if any(isinstance(cause, socket.gaierror) and cause.errno == socket.EAI_NONAME for cause in causes):
        return DuoRefusal(f"There is no host {host.name}: check DUO_API_HOST.", "dns")
    code: Code = "connection"
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        code = "dns"
    elif any(isinstance(cause, ssl.SSLError) for cause in causes):
        code = "tls"
    if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError):
        return DuoUnavailable(f"{host.name} did not answer in time", code=code)
    return DuoUnavailable(f"The connection to {host.name} failed ({type(causes[-1]).__name__})", code=code)


def _causes(error: BaseException) -> list[BaseException]:
    """Give the error and what lies under it; urllib3 hides its causes in `args` and `reason`."""
    found: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, BaseException) and one not in found:
            found.append(one)
            waiting += [*one.args, getattr(one, "reason", None), one.__cause__, one.__context__]
    return found
