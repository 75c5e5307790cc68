"""The settings of Google SecOps (``SECOPS_*``): with them the pipeline asks what SecOps has received."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, PlainValidator

from duo_pipeline.config import settings
from duo_pipeline.config.account import DEFAULT_ACCOUNT
from duo_pipeline.config.settings import SettingsError
from duo_pipeline.duo.host import ApiHost, api_host
from duo_pipeline.network import is_loopback
from duo_pipeline.secops.api import SecOps
from duo_pipeline.secops.instance import Instance

WAIT_MINUTES = 180
"""SecOps shows counts up to two hours late, and a feed looks for new objects every 15 minutes."""


def _endpoint(text: str) -> str:
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
    except ValueError:
        host = ""
    if not host or parts.scheme not in ("http", "https"):
        raise ValueError("must be a URL, as in https://us-chronicle.googleapis.com")
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError("must not be plain http:// (allowed only for loopback addresses)")
    return text.rstrip("/")


_Id = Annotated[
    str, settings.matches(r"[A-Za-z0-9.:-]+", "is not a valid id: use only letters, digits, '.', ':' and '-'")
]


@dataclass(frozen=True, slots=True)
class LineHost:
    """The host of an account's lines, by which SecOps tells the accounts apart."""

    host: Annotated[ApiHost, PlainValidator(api_host)]


@dataclass(frozen=True, slots=True)
class SecOpsSettings:
    """The instance of SecOps, and when it is asked.

    Attributes:
        project: Its Google Cloud project.
        location: Its region.
        instance: Its id.
        endpoint: The URL of a stand-in; empty for Google's own.
        wait_minutes: How long after landing an hour is red if SecOps lacks some of it.
    """

    project: _Id
    location: _Id
    instance: _Id
    endpoint: Annotated[str, AfterValidator(_endpoint)] = ""
    wait_minutes: Annotated[int, Field(ge=0)] = WAIT_MINUTES

    def open(self) -> SecOps:
        """Return the instance; nothing is asked yet."""
        return SecOps(Instance(self.project, self.location, self.instance), self.endpoint)


def is_set(environ: Mapping[str, str]) -> bool:
    """Return whether any of the three settings of the instance is set; all three are needed then."""
    names = ("project", "location", "instance")
    return any(environ.get(DEFAULT_ACCOUNT.variable(name), "").strip() for name in names)


def wait_minutes(environ: Mapping[str, str]) -> int:
    """Return how long after landing an hour waits for its receipt; the default if a setting is wrong.

    Landing must go on, and the run of a receipt says what is wrong.
    """
    try:
        return secops(environ).wait_minutes
    except SettingsError:
        return WAIT_MINUTES


def secops(environ: Mapping[str, str]) -> SecOpsSettings:
    """Read the settings.

    Raises:
        SettingsError: Names every setting that is missing or wrong.
    """
    return settings.parse(SecOpsSettings, DEFAULT_ACCOUNT.texts(environ))
