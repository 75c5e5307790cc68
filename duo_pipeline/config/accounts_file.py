"""The Duo accounts that there are: those of a file, or the one of the environment."""

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from duo_pipeline.config import settings
from duo_pipeline.config.account import THE_ONE, Account
from duo_pipeline.config.settings import SettingsError
from duo_pipeline.duo.host import api_host

FILE = "DUO_ACCOUNTS_FILE"
_NAMED = 10
_WORDS = {
    "missing": "is missing",
    "extra_forbidden": "is not a setting of an account",
    "string_type": "must be text (put it into quotes)",
    "list_type": "must be a list",
    "too_short": "must name at least one account",
    "model_type": "must be settings with their names, as in `name: acme`",
}


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    name: str
    host: str
    ikey_variable: str | None = None
    skey_variable: str | None = None
    secret: str | None = None
    account_id: str | None = None
    prefix: str | None = None
    work_prefix: str | None = None
    record_format: str | None = None
    start: str | None = None

    @field_validator("*")
    @classmethod
    def _is_set(cls, text: str | None) -> str | None:
        if text is not None and not text.strip():
            raise ValueError("must not be empty")
        return text

    @field_validator("name")
    @classmethod
    def _is_name(cls, text: str) -> str:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", text):
            raise ValueError("must have small letters, digits and underscores alone, a letter first")
        return text

    @field_validator("ikey_variable", "skey_variable")
    @classmethod
    def _is_variable(cls, text: str) -> str:
        if not re.fullmatch(r"[A-Za-z_]\w*", text, re.ASCII):
            # it is not quoted: somebody may have put the key itself here
            raise ValueError("must be the name of a variable, which holds the key")
        return text

    @field_validator("account_id")
    @classmethod
    def _is_id(cls, text: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9]+", text):
            raise ValueError("must be an account's id at Duo: letters and digits")
        return text

    @field_validator("host")
    @classmethod
    def _is_host(cls, text: str) -> str:
        api_host(text)
        return text

    @field_validator("record_format")
    @classmethod
    def _is_format(cls, text: str) -> str:
        return settings.record_format(text)

    @field_validator("start")
    @classmethod
    def _is_hour(cls, text: str) -> str:
        settings.first_hour(text)
        return text

    @model_validator(mode="after")
    def _has_keys(self) -> "_Entry":
        variables = bool(self.ikey_variable) + bool(self.skey_variable)
        if (variables, bool(self.secret)) not in ((2, False), (0, True)):
            raise ValueError("must have either ikey_variable and skey_variable, or secret")
        return self

    def account(self, environ: Mapping[str, str]) -> Account:
        feeds, work = settings.prefixes(environ)
        given = {
            "DUO_API_HOST": self.host,
            "S3_PREFIX": self.prefix or f"{feeds}{self.name}/",
            "S3_WORK_PREFIX": self.work_prefix or f"{work}{self.name}/",
            "DUO_RECORD_FORMAT": self.record_format,
            "DUO_PARTITIONS_START": self.start,
        }
        variables = {"DUO_IKEY": self.ikey_variable, "DUO_SKEY": self.skey_variable}
        return Account(
            self.name,
            f"_{self.name}",
            given={setting: text for setting, text in given.items() if text},
            variables={setting: name for setting, name in variables.items() if name},
            secret=self.secret or "",
            account_id=self.account_id or "",
        )


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    accounts: list[_Entry] = Field(min_length=1)


def accounts(environ: Mapping[str, str]) -> list[Account]:
    """Read which accounts there are; neither a key nor a secret is read.

    Raises:
        SettingsError: The file cannot be read, or is wrong; the text names what, and where.
    """
    name = environ.get(FILE, "").strip()
    if not name:
        return [THE_ONE]
    path = Path(name).absolute()
    content = _read(path)
    try:
        entries = _File.model_validate(content).accounts
    except ValidationError as error:
        raise _wrong(path, [_said(one, content) for one in error.errors()]) from None
    found = [entry.account(environ) for entry in entries]
    clashes = [*_same_names(found), *_same_at_duo(found), *_same_in_s3(found)]
    if clashes:
        raise _wrong(path, clashes)
    return found


def _read(path: Path) -> Any:  # noqa: ANN401 - whatever is in it
    try:
        return YAML(typ="safe", pure=True).load(path)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingsError(f"The file of accounts {path} ({FILE}) cannot be read: {reason}.") from None
    except YAMLError as error:
        mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
        where = f", line {mark.line + 1}" if mark else ""
        problem = error.problem if isinstance(error, MarkedYAMLError) else "look at its indentation"
        raise _wrong(path, [f"it is no YAML{where}: {problem}"]) from None


def _wrong(path: Path, clauses: Sequence[str]) -> SettingsError:
    more = f"; and {len(clauses) - _NAMED} more" if len(clauses) > _NAMED else ""
    return SettingsError(f"The file of accounts {path} is wrong: {'; '.join(clauses[:_NAMED])}{more}.")


def _said(error: ErrorDetails, content: Any) -> str:  # noqa: ANN401 - whatever is in the file
    place = [str(part) for part in error["loc"]]
    match error["loc"]:
        case ("accounts", int(index), *rest):
            entry = content["accounts"][index]
            name = entry.get("name") if isinstance(entry, dict) else None
            place = [f"account {index + 1} ({name})" if isinstance(name, str) else f"account {index + 1}"]
            place += [f": {part}" for part in rest]
        case ():
            place = ["it"]
    cause = error.get("ctx", {}).get("error")
    return f"{''.join(place)} {cause or _WORDS.get(error['type'], error['msg'])}"


def _same_names(found: Sequence[Account]) -> list[str]:
    names = sorted(account.name for account in found)
    return [f"two accounts have the name {one}" for one, next_ in pairwise(names) if one == next_]


def _same_at_duo(found: Sequence[Account]) -> list[str]:
    at_duo = sorted((api_host(one.given["DUO_API_HOST"]).url, one.account_id, one.name) for one in found)
    return [
        f"{one[2]} and {next_[2]} are the same account at Duo: one host, and no account_id that differs"
        for one, next_ in pairwise(at_duo)
        if one[:2] == next_[:2]
    ]


def _same_in_s3(found: Sequence[Account]) -> list[str]:
    """Name prefixes that contain each other: in order, one that does is followed by one that it contains."""
    places = sorted(
        (settings.object_prefix(account.given[setting]), f"{what} of {account.name}")
        for account in found
        for setting, what in (("S3_PREFIX", "prefix"), ("S3_WORK_PREFIX", "work_prefix"))
    )
    return [
        f"the {inner[1]} ({inner[0]}) lies below the {outer[1]} ({outer[0] or 'the whole bucket'})"
        for outer, inner in pairwise(places)
        if inner[0].startswith(outer[0])
    ]
