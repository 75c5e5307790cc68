"""Send one request to Duo's Admin API: sign it, and retry it when that may help."""

import email.utils
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

import requests
import tenacity
import urllib3

from duo_pipeline import __version__
from duo_pipeline.duo import answer as answers
from duo_pipeline.duo import no_answer
from duo_pipeline.duo.bounds import AnswerTooLarge, bounded_session, pieces
from duo_pipeline.duo.errors import CURES, DuoContradiction, DuoError, DuoRefusal, DuoUnavailable
from duo_pipeline.duo.host import ApiHost
from duo_pipeline.duo.signature import canonical_parameters, sign
from duo_pipeline.masking import shown

CONNECT_SECONDS = 10.0
READ_SECONDS = 30.0
"""How long Duo may be silent. It sends a page within a few seconds."""
LONGEST_WAIT_SECONDS = 120.0
LONGEST_RETRY_AFTER_SECONDS = 900.0
"""A request that would have to wait longer fails instead, so that the run does not block other runs."""

OnWait = Callable[[str, float], None]


@dataclass(eq=False, repr=False)  # nothing may print the secret key
class AdminApi:
    """Reads Duo's Admin API with the keys of one application.

    Attributes:
        host: The API host.
        ikey: The integration key of the Admin API application.
        skey: Its secret key.
        account_id: The child account to read, if the application belongs to an MSP's parent account.
            Each request carries it (as with duo_client's ``Admin.account_id``).
        retry_base_seconds: The first wait after a failure. Each further wait is twice as long, up to 120 s.
        retry_attempts: How many times one request is tried in total.
        on_wait: Called before each wait with the reason and the seconds.
        session: The HTTP session; the default one bounds each answer.
        clock: Returns Unix seconds, for the Date of a request.
        sleep: Waits for a number of seconds.
        jitter: Returns a random number from 0 to 1, which makes a wait up to a quarter longer.
        requests_sent: How many requests were sent, including the failed ones: each costs quota.
    """

    host: ApiHost
    _: KW_ONLY
    ikey: str
    skey: str
    account_id: str = ""
    retry_base_seconds: float
    retry_attempts: int
    on_wait: OnWait = lambda *_: None
    session: requests.Session = field(default_factory=bounded_session)
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random
    requests_sent: int = field(default=0, init=False)

    def get(self, path: str, parameters: Mapping[str, str]) -> dict[str, Any]:
        """Send a request, and return the ``response`` of Duo's answer.

        It is retried after a 429, a 5xx, a body that is cut off or not JSON, a connection error and a
        timeout. Each try has a new Date and a new signature, because Duo refuses an old Date (40103).

        Raises:
            DuoRefusal: Duo refuses this request, and a retry would not help.
            DuoUnavailable: The last try failed, too.
        """
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(DuoUnavailable),
            stop=tenacity.stop_after_attempt(self.retry_attempts),
            wait=self._wait,
            sleep=self.sleep,
            before_sleep=lambda state: self.on_wait(str(_error_of(state)), state.upcoming_sleep),
            reraise=True,
        )
        if self.account_id:
            parameters = {**parameters, "account_id": self.account_id}
        try:
            return retrying(self._try, path, parameters, self._dates())
        except DuoUnavailable as error:
            tries = f" (tried {self.retry_attempts} times)" if self.retry_attempts > 1 else ""
            sentence = f"{error}{tries}: this may be temporary, so run this again later."
            raise DuoUnavailable(sentence, error.retry_after, code=error.code) from None

    def _wait(self, state: tenacity.RetryCallState) -> float:
        error = _error_of(state)
        if error.retry_after:  # not if it is 0: a try that comes too early costs quota
            return error.retry_after
        doubled = self.retry_base_seconds * 2.0 ** (state.attempt_number - 1)
        return min(LONGEST_WAIT_SECONDS, doubled * (1 + self.jitter() / 4))

    def _dates(self) -> Iterator[str]:
        """Yield a Date for each try: the current time, but at least a second after the previous Date."""
        second = 0.0
        while True:
            second = max(self.clock() // 1, second + 1)
            yield email.utils.formatdate(second)

    def _try(self, path: str, parameters: Mapping[str, str], dates: Iterator[str]) -> dict[str, Any]:
        date = next(dates)
        signature = sign(self.skey, date=date, host=self.host.name, path=path, parameters=parameters)
        self.requests_sent += 1
        try:
            # auth= and not an Authorization header: requests would replace the header if there is a ~/.netrc
            with self.session.get(
                f"{self.host.url}{path}?{canonical_parameters(parameters)}",
                headers={"Date": date, "User-Agent": f"duo-pipeline/{__version__}"},
                auth=(self.ikey, signature),
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                allow_redirects=False,
                stream=True,
            ) as response:
                return self._answer(response, b"".join(pieces(response)), parameters)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, AnswerTooLarge) as error:
            raise no_answer.connection_error(error, self.host) from None

    def _answer(
        self, response: requests.Response, body: bytes, parameters: Mapping[str, str]
    ) -> dict[str, Any]:
        status = response.status_code
        try:
            answer = answers.read(body)
        except ValueError:
            answer = None
        if not isinstance(answer, dict) or answer.get("stat") not in ("OK", "FAIL"):
            is_page = body.lstrip()[:1] == b"<"
            if status == 200 and not is_page and not isinstance(answer, dict):
                raise DuoUnavailable("Duo's answer was cut off or is not JSON")
            if status == 429 or status >= 500:  # Duo's own failures may come as a page, too
                by = f"Duo, or a gateway in between ({no_answer.who_answered(response)}),"
                raise self._refused(response, status * 100, "", parameters, by)
            raise no_answer.gateway_answered(response, self.host)
        if status == 200 and answer.get("stat") == "OK":
            content = answer.get("response")
            if isinstance(content, dict):
                return content
            raise DuoContradiction("Duo answered OK but sent no response: report it to Duo's support.")
        code = answer.get("code")
        words = "; ".join(str(answer[key]) for key in ("message", "message_detail") if answer.get(key))
        code = code if isinstance(code, int) and code >= 10000 else status * 100
        raise self._refused(response, code, words, parameters)

    def _refused(
        self,
        response: requests.Response,
        code: int,
        words: str,
        parameters: Mapping[str, str],
        by: str = "Duo",
    ) -> DuoError:
        said = f' saying "{self._harmless(words)}"' if words else ""
        if code // 100 == 429 or code >= 50000:
            what = "got too many requests" if code < 50000 else "had an internal error"
            retry_after = self._retry_after(response)
            if retry_after is not None and retry_after > LONGEST_RETRY_AFTER_SECONDS:
                return DuoRefusal(
                    f"{by} {what} ({code}) and asks to wait {retry_after:.0f} s: run this again after that.",
                    code,
                )
            return DuoUnavailable(f"{by} {what} ({code})", retry_after, code=code)
        cure = CURES.get(code, "look up this code in Duo's Admin API documentation")
        if code == 40105:
            cure = self._skew(response)
        if code == 40002 and self._is_too_old(parameters):
            cure = "the hour is older than the 180 days that Duo keeps"
        return DuoRefusal(f"Duo refused the request ({code}){said}: {cure}.", code)

    def _harmless(self, words: str) -> str:
        for secret in (self.skey, self.ikey):
            words = words.replace(secret, "•••")
        return shown(" ".join(words.split()))

    def _is_too_old(self, parameters: Mapping[str, str]) -> bool:
        # by this machine's clock, and Duo refuses some of the 180th day already
        return float(parameters.get("mintime", "inf")) < (self.clock() - 179 * 86_400) * 1000

    def _skew(self, response: requests.Response) -> str:
        try:
            theirs = parsedate_to_datetime(response.headers["Date"]).timestamp()
        except (KeyError, ValueError):
            return f"{CURES[40105]}, and Duo does not say by how much: set this machine's clock (NTP)"
        skew = self.clock() - theirs
        side = "ahead of" if skew >= 0 else "behind"
        return f"this machine's clock is {abs(skew):.0f} s {side} Duo's: set this machine's clock (NTP)"

    def _retry_after(self, response: requests.Response) -> float | None:
        text = response.headers.get("Retry-After", "").strip()
        if text.isdecimal():
            return float(text)
        try:
            moment = parsedate_to_datetime(text)
            return max(0.0, moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() - self.clock())
        except (ValueError, OverflowError):
            return None


def _error_of(state: tenacity.RetryCallState) -> DuoUnavailable:
    error = state.outcome.exception() if state.outcome else None
    assert isinstance(error, DuoUnavailable)  # noqa: S101 - only this is retried
    return error
