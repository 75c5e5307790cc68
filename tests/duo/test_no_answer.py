"""What an engineer reads if a request gets no answer from Duo: who failed, and what to do."""

import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import urllib3
from urllib3.connection import HTTPConnection
from urllib3.exceptions import MaxRetryError, NameResolutionError

from duo_pipeline.duo.admin_api import AdminApi
from duo_pipeline.duo.errors import DuoError, DuoRefusal, DuoUnavailable
from tests.duo.wire import HOST, PATH, Answer, Machine, Wire
from tests.records import IKEY, SKEY

HTML = {"Content-Type": "text/html; charset=utf-8", "Server": "squid/6.1"}


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "HTTPS_PROXY",
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
        "NO_PROXY",
        "no_proxy",
        "CURL_CA_BUNDLE",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)


@pytest.fixture
def proxy(request: pytest.FixtureRequest) -> Iterator[str]:
    """Serve a proxy that refuses each CONNECT with a status line."""

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                connection.recv(1 << 16)
                connection.sendall(f"HTTP/1.1 {request.param}\r\nContent-Length: 0\r\n\r\n".encode())

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def failure() -> tuple[DuoError, int]:
    """Return the error of a request through the real network stack, and how many requests were sent."""
    api = AdminApi(HOST, ikey=IKEY, skey=SKEY, retry_base_seconds=0, retry_attempts=3, sleep=lambda _: None)
    with pytest.raises(DuoError) as caught:
        api.get(PATH, {})
    return caught.value, api.requests_sent


@pytest.mark.parametrize(
    ("proxy", "words"),
    [
        ("407 Proxy Authentication Required", "answered 407 .*: put its user and password into HTTPS_PROXY"),
        ("403 Forbidden", "answered 403 .*: allow api-1.duosecurity.com there, or name it in NO_PROXY"),
        ("404 Not Found", "answered 404 .*: allow"),
    ],
    indirect=["proxy"],
)
def test_a_refusal_of_the_proxy_is_not_duos_and_not_tried_again(
    monkeypatch: pytest.MonkeyPatch, proxy: str, words: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:hunter2@{proxy}")
    error, tries = failure()
    with pytest.raises(DuoRefusal, match=rf"^The proxy {proxy} \(HTTPS_PROXY\) {words}"):
        raise error
    assert tries == 1
    assert error.code == "proxy"
    assert "hunter2" not in str(error)


@pytest.mark.parametrize("proxy", ["502 Bad Gateway", "503 Busy", "408 Request Timeout"], indirect=True)
def test_a_failure_of_the_proxy_may_be_temporary(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("all_proxy", f"http://{proxy}")
    error, tries = failure()
    assert f"The proxy {proxy} (all_proxy) answered 50" in str(error) or "answered 408" in str(error)
    assert tries == 3


def test_a_proxy_that_does_not_listen_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
    error, tries = failure()
    assert f"The proxy 127.0.0.1:{port} (https_proxy) cannot be reached (ConnectionRefusedError)" in str(
        error
    )
    assert tries == 3


def test_a_proxy_whose_name_is_unknown_is_named_rather_than_duos_host(
    monkeypatch: pytest.MonkeyPatch, machine: Machine
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    unknown = NameResolutionError("proxy.example", HTTPConnection("proxy.example"), socket.gaierror())
    unknown.__cause__ = socket.gaierror(socket.EAI_NONAME, "")
    cause = urllib3.exceptions.ProxyError("Unable to connect to proxy", unknown)
    pool = urllib3.HTTPConnectionPool("proxy.example")
    wire = Wire(requests.exceptions.ProxyError(MaxRetryError(pool, "/", cause)))
    with pytest.raises(DuoRefusal, match=r"the proxy proxy\.example:3128 \(HTTPS_PROXY\)"):
        machine.api(wire).get(PATH, {})


@pytest.mark.parametrize("url", ["http://", "socks5://127.0.0.1:1", "http://a b:1"])
def test_a_proxy_variable_that_is_not_usable_is_named(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", url)
    error, tries = failure()
    assert str(error) == "HTTPS_PROXY is not a usable proxy: set it to http://name:port."
    assert tries == 1


@pytest.mark.parametrize(
    ("answer", "who"),
    [
        (Answer(403, b"<html>Blocked</html>", HTML), "(status 403, server squid, text html)"),
        (Answer(403, b'{"error": "blocked"}', {"Server": "Zscaler/6.2"}), "(status 403, server Zscaler)"),
        (Answer(401, b"", {"Server": "nginx"}), "(status 401, server nginx)"),
        (Answer(404, b"Not Found"), "(status 404)"),
        (Answer(302, b"", {"Location": "http://login.example/", **HTML}), "redirects to another address"),
        (Answer(451, b"[1]", {"Server": "<b>5550142"}), "(status 451, server ••••)"),
    ],
)
def test_an_answer_that_is_not_duos_says_who_answered(machine: Machine, answer: Answer, who: str) -> None:
    wire = Wire(answer)
    with pytest.raises(DuoRefusal) as caught:
        machine.api(wire).get(PATH, {})
    assert str(caught.value).startswith(
        "Not Duo, but something between this machine and api-1.duosecurity.com answered"
    )
    assert who in str(caught.value)
    assert "DUO_API_HOST" in str(caught.value)
    assert caught.value.code == "gateway"
    assert len(wire.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, b"  <!DOCTYPE html>", HTML),
        Answer(200, {"message": "welcome"}),
        Answer(408, b"", HTML),
        Answer(425, b""),
    ],
)
def test_an_answer_in_between_that_may_be_temporary_is_retried(machine: Machine, answer: Answer) -> None:
    wire = Wire(answer)
    with pytest.raises(DuoUnavailable, match="Not Duo, but something between"):
        machine.api(wire, retry_attempts=3).get(PATH, {})
    assert len(wire.requests) == 3


@pytest.mark.parametrize(("status", "what"), [(429, "got too many requests"), (502, "had an internal error")])
def test_a_failure_that_comes_as_a_page_may_be_duos_own_and_says_when_to_come_again(
    machine: Machine, status: int, what: str
) -> None:
    wire = Wire(Answer(status, b"<html>", {**HTML, "Retry-After": "7"}))
    words = rf"Duo, or a gateway in between \(status {status}, server squid, text html\), {what}"
    with pytest.raises(DuoUnavailable, match=words):
        machine.api(wire, retry_attempts=3).get(PATH, {})
    assert machine.slept == [7, 7]


def test_a_host_that_does_not_exist_is_named(machine: Machine) -> None:
    wire = Wire(requests.ConnectionError(socket.gaierror(socket.EAI_NONAME, "")))
    with pytest.raises(DuoRefusal, match=r"no host api-1\.duosecurity\.com: check DUO_API_HOST"):
        machine.api(wire).get(PATH, {})


def test_a_certificate_that_is_not_trusted_says_why_and_which_variable_helps(machine: Machine) -> None:
    distrust = ssl.SSLCertVerificationError()
    distrust.verify_message = "self-signed certificate in certificate chain"
    wire = Wire(requests.exceptions.SSLError(distrust))
    with pytest.raises(
        DuoRefusal, match=r"\(self-signed certificate in certificate chain\).*REQUESTS_CA_BUNDLE"
    ):
        machine.api(wire).get(PATH, {})
    assert len(wire.requests) == 1


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
@pytest.mark.parametrize(
    ("content", "fault"),
    [(None, "which is not there"), ("", "has no certificates"), ("no PEM", "has no certificates")],
)
def test_a_file_of_certificates_that_cannot_be_used_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str, content: str | None, fault: str
) -> None:
    bundle = tmp_path / "ca.pem"
    if content is not None:
        bundle.write_text(content)
    monkeypatch.setenv(variable, str(bundle))
    error, tries = failure()
    assert str(error).startswith(f"{variable} names {bundle}, which ")
    assert fault in str(error)
    assert isinstance(error, DuoRefusal)
    assert tries == 1
