"""The Duo accounts: those of a file, or the one of the environment."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from duo_pipeline.config import settings
from duo_pipeline.config.account import DEFAULT_ACCOUNT, Account
from duo_pipeline.config.settings import Prefixes, SettingsError, matches
from duo_pipeline.duo.host import api_host
from duo_pipeline.landing.line import RecordFormat

FILE = "DUO_ACCOUNTS_FILE"
_NAMED = 10
_WORDS = {
    "missing": "is missing",
    "literal_error": "must be secops or verbatim",
    "extra_forbidden": "is not a setting of an account",
    "string_type": "must be text (put it into quotes)",
    "list_type": "must be a list",
    "too_short": "must name at least one account",
    "model_type": "must consist of settings, each as in `name: value`",
}


def _parses(parse: Callable[[str], object]) -> AfterValidator:
    def check(text: str) -> str:
        parse(text)
        return text

    return AfterValidator(check)


_Text = Annotated[str, matches(r"(?s).*\S.*", "must not be empty")]
_Variable = Annotated[
    _Text, matches(r"[A-Za-z_]\w*", "must be the name of the environment variable that holds the key")
]


class _ListedAccount(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    name: Annotated[
        _Text,
        matches(
            r"[a-z][a-z0-9_]*", "must have only lower-case letters, digits and underscores, a letter first"
        ),
    ]
    host: Annotated[_Text, _parses(api_host)]
    ikey_variable: _Variable | None = None
    skey_variable: _Variable | None = None
    secret: _Text | None = None
    account_id: (
        Annotated[_Text, matches(r"[A-Za-z0-9]+", "must be an account's id at Duo: letters and digits")]
        | None
    ) = None
    prefix: _Text | None = None
    work_prefix: _Text | None = None
    record_format: RecordFormat | None = None
    start: Annotated[_Text, _parses(settings.first_hour)] | None = None

    @model_validator(mode="after")
    def _has_keys(self) -> "_ListedAccount":
        variables = bool(self.ikey_variable) + bool(self.skey_variable)
        if (variables, bool(self.secret)) not in ((2, False), (0, True)):
            raise ValueError("must have either ikey_variable and skey_variable, or secret")
        return self

    def account(self, base: Prefixes) -> Account:
        """Return the account; its prefixes lie below those of the environment unless it gives others."""
        given = self.model_dump(exclude={"name", "ikey_variable", "skey_variable"}, exclude_none=True)
        below = {"prefix": f"{base.prefix}{self.name}/", "work_prefix": f"{base.work_prefix}{self.name}/"}
        variables = {"ikey": self.ikey_variable or "", "skey": self.skey_variable or ""}
        no_keys = dict.fromkeys(variables, "") if self.secret else {}
        return Account(self.name, f"_{self.name}", given=below | no_keys | given, variables=variables)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    accounts: list[_ListedAccount] = Field(min_length=1)


def accounts(environ: Mapping[str, str]) -> list[Account]:
    """Return the accounts, without reading their keys and secrets.

    Raises:
        SettingsError: The file cannot be read, or is wrong; the text names what, and where.
    """
    name = environ.get(FILE, "").strip()
    if not name:
        return [DEFAULT_ACCOUNT]
    path = Path(name).absolute()
    content = _read(path)
    try:
        listed = _File.model_validate(content).accounts
    except ValidationError as error:
        raise _wrong(path, [_said(one, content) for one in error.errors()]) from None
    base = settings.parse(Prefixes, DEFAULT_ACCOUNT.texts(environ))
    found = [one.account(base) for one in listed]
    clashes = [*_same_names(found), *_same_at_duo(found), *_same_in_s3(found)]
    if clashes:
        raise _wrong(path, clashes)
    hosts = Counter(_host_name(account) for account in found)
    return [replace(account, shares_host=hosts[_host_name(account)] > 1) for account in found]


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
        raise _wrong(path, [f"it is not valid YAML{where}: {problem}"]) from None


def _wrong(path: Path, clauses: Sequence[str]) -> SettingsError:
    more = f"; and {len(clauses) - _NAMED} more" if len(clauses) > _NAMED else ""
    return SettingsError(f"The file of accounts {path} is wrong: {'; '.join(clauses[:_NAMED])}{more}.")


def _said(error: ErrorDetails, content: Any) -> str:  # noqa: ANN401 - whatever is in the file
    place = [str(part) for part in error["loc"]]
    match error["loc"]:
        case ("accounts", int(index), *rest):
            listed = content["accounts"][index]
            name = listed.get("name") if isinstance(listed, dict) else None
            place = [f"account {index + 1} ({name})" if isinstance(name, str) else f"account {index + 1}"]
            place += [f": {part}" for part in rest]
        case ():
            place = ["it"]
    return f"{''.join(place)} {settings.clause(error, _WORDS)}"


def _same_names(found: Sequence[Account]) -> list[str]:
    names = sorted(account.name for account in found)
    return [f"two accounts have the name {one}" for one, next_ in pairwise(names) if one == next_]


def _host_name(account: Account) -> str:
    return api_host(account.given["host"]).name


def _same_at_duo(found: Sequence[Account]) -> list[str]:
    at_duo = sorted(
        (api_host(one.given["host"]).url, one.given.get("account_id", ""), one.name) for one in found
    )
    return [
        f"{one[2]} and {next_[2]} are the same account at Duo: their hosts and account_ids do not differ"
        for one, next_ in pairwise(at_duo)
        if one[:2] == next_[:2]
    ]


def _same_in_s3(found: Sequence[Account]) -> list[str]:
    """Return what is wrong with prefixes that contain each other: sorted, the outer one comes just before."""
    places = sorted(
        (settings.object_prefix(account.given[setting]), f"{setting} of {account.name}")
        for account in found
        for setting in ("prefix", "work_prefix")
    )
    return [
        f"the {inner[1]} ({inner[0]}) lies below the {outer[1]} ({outer[0] or 'the whole bucket'})"
        for outer, inner in pairwise(places)
        if inner[0].startswith(outer[0])
    ]
