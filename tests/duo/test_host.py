import pytest

from duo_pipeline.duo.host import api_host


@pytest.mark.parametrize(
    ("text", "url", "name"),
    [
        ("api-1.duosecurity.com", "https://api-1.duosecurity.com", "api-1.duosecurity.com"),
        ("API-1.DuoSecurity.com", "https://api-1.duosecurity.com", "api-1.duosecurity.com"),
        ("https://api-1.duofederal.com/", "https://api-1.duofederal.com", "api-1.duofederal.com"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080", "127.0.0.1"),
        ("http://localhost:8080/", "http://localhost:8080", "localhost"),
        ("http://[::1]:8080", "http://[::1]:8080", "::1"),
        ("https://127.0.0.2", "https://127.0.0.2", "127.0.0.2"),
    ],
)
def test_duos_hosts_and_this_machine_are_allowed(text: str, url: str, name: str) -> None:
    host = api_host(text)
    assert (host.url, host.name) == (url, name)


@pytest.mark.parametrize(
    "text",
    [
        "http://api-1.duosecurity.com",
        "http://10.0.0.1",
        "api-1.duosecurity.com.example.com",
        "notduosecurity.com",
        "duosecurity.com.",
        "https://api-1.duosecurity.com/admin",
        "https://user@api-1.duosecurity.com",
        "https://api-1.duosecurity.com?x=1",
        "ftp://127.0.0.1",
        "admin-1.duosecurity.com",
        "https://admin.duosecurity.com",
        "sso-1.sso.duosecurity.com",
        "www.duosecurity.com",
        "api 1.duosecurity.com",
        "http://127.0.0.1:port",
        "https://",
    ],
)
def test_every_other_host_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(must|is)"):
        api_host(text)
