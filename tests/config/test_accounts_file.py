"""The file of accounts."""

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from duo_pipeline.config import settings
from duo_pipeline.config.account import DEFAULT_ACCOUNT
from duo_pipeline.config.accounts_file import accounts
from duo_pipeline.config.settings import DuoSettings, SettingsError

Environ = dict[str, str]
Written = Callable[[str], Environ]

WHOLE = """
    accounts:
      - name: acme
        host: api-aaaaaaaa.duosecurity.com
        ikey_variable: ACME_IKEY
        skey_variable: ACME_SKEY
      - name: no
        host: api-bbbbbbbb.duosecurity.com
        secret: duo/globex
        account_id: DA123
        prefix: globex/feed
        work_prefix: globex/rest/
        record_format: verbatim
        start: 2026-06-01-00:00
"""
ONE = """
    accounts:
      - name: acme
        host: api-aaaaaaaa.duosecurity.com
        secret: duo/acme
"""


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """Write a file of accounts, and give the environment that names it."""

    def write(text: str) -> Environ:
        file = tmp_path / "accounts.yaml"
        file.write_text(dedent(text))
        return {"DUO_ACCOUNTS_FILE": str(file), "S3_BUCKET": "b", "DUO_PARTITIONS_START": "2026-02-01-00:00"}

    return write


def test_without_a_file_there_is_the_account_of_the_environment() -> None:
    assert accounts({}) == accounts({"DUO_ACCOUNTS_FILE": " "}) == [DEFAULT_ACCOUNT]
    assert (DEFAULT_ACCOUNT.name, DEFAULT_ACCOUNT.job, DEFAULT_ACCOUNT.pool) == (
        "duo",
        "telephony",
        "duo_admin_api",
    )
    assert DEFAULT_ACCOUNT.hourly_schedule == "telephony_hourly"


def test_each_account_has_names_of_its_own(written: Written) -> None:
    acme, _ = accounts(written(WHOLE))
    assert (acme.name, acme.job, acme.pool) == ("acme", "telephony_acme", "duo_admin_api_acme")
    assert (acme.hourly_schedule, acme.reconcile_job) == ("telephony_hourly_acme", "telephony_reconcile_acme")


def test_the_keys_are_those_of_the_variables_that_it_names(written: Written) -> None:
    environ = {**written(WHOLE), "ACME_IKEY": "DIACME", "ACME_SKEY": "s", "DUO_IKEY": "DIOTHER"}
    acme, _ = accounts(environ)
    duo, feed = settings.duo_and_feed(acme.texts(environ), acme)
    assert (duo.ikey, duo.skey, duo.host.name) == ("DIACME", "s", "api-aaaaaaaa.duosecurity.com")
    assert duo.account_id == ""
    assert (feed.bucket, feed.record_format) == ("b", "secops")


def test_a_variable_that_is_not_set_is_called_by_its_name(written: Written) -> None:
    acme, _ = accounts(written(WHOLE))
    with pytest.raises(SettingsError, match=r"^ACME_IKEY and ACME_SKEY are not set"):
        settings.parse(DuoSettings, acme.texts({"DUO_IKEY": "DIOTHER", "DUO_SKEY": "s"}), acme)


def test_its_prefixes_lie_below_those_of_the_environment_unless_it_says_others(written: Written) -> None:
    environ = {**written(WHOLE), "S3_PREFIX": "/feeds/", "S3_WORK_PREFIX": "work"}
    acme, globex = accounts(environ)
    assert settings.feed(environ, acme).prefix == "feeds/acme/"
    assert settings.feed(environ, acme).work_prefix == "work/acme/"
    assert settings.feed(environ, globex).prefix == "globex/feed/"
    assert settings.feed(environ, globex).work_prefix == "globex/rest/"


def test_its_first_hour_and_its_format_are_the_environments_unless_it_says_others(written: Written) -> None:
    environ = {**written(WHOLE), "DUO_RECORD_FORMAT": "secops"}
    acme, globex = accounts(environ)
    assert [settings.hours(environ, one).start.month for one in (acme, globex)] == [2, 6]
    assert settings.feed(environ, globex).record_format == "verbatim"


def test_a_name_that_older_yaml_takes_for_false_is_a_name(written: Written) -> None:
    assert [one.name for one in accounts(written(WHOLE))] == ["acme", "no"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "it must consist of settings, each as in"),
        ("accounts: []", "accounts must name at least one account"),
        ("account: 1", "accounts is missing"),
        ("accounts: [acme]", "account 1 must consist of settings, each as in"),
        (ONE + "        hots: x\n", r"account 1 \(acme\): hots is not a setting of an account"),
        (ONE.replace("host:", "#"), r"account 1 \(acme\): host is missing"),
        (ONE.replace("name: acme", "x: y"), "account 1: name is missing"),
        (
            ONE.replace("acme\n", "Acme Ltd\n", 1),
            r"account 1 \(Acme Ltd\): name must have only lower-case letters",
        ),
        (ONE.replace("acme\n", "7\n", 1), "account 1: name must be text"),
        (ONE.replace("duosecurity.com", "example.com"), "host must be a host of Duo's"),
        (ONE.replace("https", "").replace("api-", "http://api-"), "host must not be plain http://"),
        (
            ONE.replace("secret: duo/acme", "prefix: x"),
            "must have either ikey_variable and skey_variable, or",
        ),
        (ONE + "        ikey_variable: A\n        skey_variable: B\n", "must have either ikey_variable and"),
        (ONE.replace("secret: duo/acme", "ikey_variable: A"), "must have either ikey_variable and"),
        (ONE.replace("secret: duo/acme", "secret: ''"), "secret must not be empty"),
        (ONE + "        start: 2026-06-01\n", "start must be (text|a whole hour)"),
        (ONE + "        record_format: csv\n", "record_format must be secops or verbatim"),
        (ONE + "        account_id: DA-1\n", "account_id must be an account's id"),
        (
            ONE + "        host: api-cccccccc.duosecurity.com\n",
            "it is not valid YAML, line [0-9]+: found duplicate key",
        ),
        ("accounts: [", "it is not valid YAML, line 1: "),
    ],
)
def test_what_is_wrong_is_one_sentence_with_its_place(written: Written, text: str, sentence: str) -> None:
    with pytest.raises(
        SettingsError, match=rf"^The file of accounts .*accounts\.yaml is wrong: .*{sentence}"
    ) as e:
        accounts(written(text))
    assert "\n" not in str(e.value)
    assert str(e.value).endswith(".")


def test_all_that_is_wrong_is_told_at_once(written: Written) -> None:
    text = WHOLE.replace("no\n", "No\n").replace("DA123", "'?'").replace("ACME_IKEY", "'1'")
    with pytest.raises(SettingsError, match=r"account 1.*ikey_variable.*account 2.*name.*account_id"):
        accounts(written(text))


def test_a_key_that_was_put_where_its_variable_belongs_is_not_repeated(written: Written) -> None:
    with pytest.raises(
        SettingsError, match="skey_variable must be the name of the environment variable that holds the key"
    ) as caught:
        accounts(written(WHOLE.replace("ACME_SKEY", "0very-secret")))
    assert "very-secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("second", "sentence"),
    [
        ("{name: acme, host: api-b.duosecurity.com, secret: s}", "two accounts have the name acme"),
        (
            "{name: b, host: 'https://API-AAAAAAAA.duosecurity.com', secret: s}",
            "acme and b are the same account at Duo",
        ),
        (
            "{name: b, host: api-b.duosecurity.com, secret: s, prefix: duo-telephony}",
            r"the prefix of acme \(duo-telephony/acme/\) lies below the prefix of b \(duo-telephony/\)",
        ),
        (
            "{name: b, host: api-b.duosecurity.com, secret: s, work_prefix: duo-telephony/acme/x}",
            r"the work_prefix of b \(duo-telephony/acme/x/\) lies below the prefix of acme",
        ),
        (
            "{name: b, host: api-b.duosecurity.com, secret: s, prefix: /}",
            r"lies below the prefix of b \(the whole bucket\)",
        ),
    ],
)
def test_accounts_that_would_mix_are_refused(written: Written, second: str, sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        accounts(written(f"{ONE}      - {second}\n"))


def test_the_children_of_a_parent_are_told_apart_by_their_ids(written: Written) -> None:
    child = "{{name: {}, host: api-p.duosecurity.com, secret: parent, account_id: {}}}"
    text = f"accounts: [{child.format('a', 'DA1')}, {child.format('b', 'DA2')}]"
    assert [one.given["account_id"] for one in accounts(written(text))] == ["DA1", "DA2"]


def test_prefixes_that_only_begin_alike_are_two(written: Written) -> None:
    text = f"{ONE}      - {{name: acme2, host: api-b.duosecurity.com, secret: s}}\n"
    assert len(accounts(written(text))) == 2


def test_a_file_that_is_not_there_is_named_with_its_variable(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.yaml \(DUO_ACCOUNTS_FILE\) cannot be read: No such file"):
        accounts({"DUO_ACCOUNTS_FILE": str(tmp_path / "none.yaml")})


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "accounts.yaml"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match=r"accounts\.yaml"):
        accounts({"DUO_ACCOUNTS_FILE": str(file)})
