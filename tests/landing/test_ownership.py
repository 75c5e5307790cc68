"""Tests that a work prefix belongs to one feed of one Duo account, on a real S3 server."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from duo_pipeline.landing.bucket import Bucket, BucketError
from duo_pipeline.landing.feed import Feed
from duo_pipeline.landing.ownership import check_claim, claim
from tests.landing import stores
from tests.landing.test_bucket import body_of

ONE, TWO = "api-11111111.duosecurity.com", "api-22222222.duosecurity.com"
DUO = ("feed/", "work/", ONE)
ACME = ("feed/acme/", "work/acme/", ONE)

Place = tuple[str, str, str] | tuple[str, str, str, str]


def claims(bucket: Bucket, place: Place, base: str = "work/", how: Callable[..., None] = claim) -> None:
    """Claim a work prefix as a run does. A place is a feed, a work prefix, a host and maybe an account id."""
    prefix, work_prefix, *account = place
    feed = Feed(bucket, prefix, work_prefix, "secops")
    how(feed, base_work_prefix=base, duo_account="/".join(account))


def refused(bucket: Bucket, place: Place, base: str = "work/") -> str:
    """Return the error text of a claim that is refused; the check must raise the same one."""
    before = bucket.keys("")
    sentences = []
    for how in (claim, check_claim):
        with pytest.raises(BucketError) as caught:
            claims(bucket, place, base, how)
        sentences.append(str(caught.value))
    assert sentences[0] == sentences[1]
    assert bucket.keys("") == before
    return sentences[0]


def delete(bucket: Bucket, key: str) -> None:
    bucket._client.delete_object(Bucket=bucket.name, Key=key)


@pytest.mark.parametrize("place", [DUO, ACME, (*ACME, "DA1")])
def test_the_first_run_writes_its_feed_and_account_and_later_runs_go_on(bucket: Bucket, place: Place) -> None:
    claims(bucket, place)
    note = f"{place[1]}feed.json"
    assert bucket.keys("") == [f"{place[1]}check/probe.ndjson", note]
    account = f"{ONE}/DA1" if place[3:] else ONE
    assert json.loads(next(bucket.lines(note))) == {"feed": bucket.uri(place[0]), "duo_account": account}
    put, read = (stores.requests_of(bucket, one) for one in ("PutObject", "GetObject"))
    claims(bucket, place)
    assert (put, read) == ([], [note])


def test_a_check_writes_nothing(bucket: Bucket) -> None:
    claims(bucket, DUO, how=check_claim)
    assert bucket.keys("") == []


@pytest.mark.parametrize("prefix", ["", "other/", "feed/more/"])
@pytest.mark.parametrize("host", [ONE, TWO, "127.0.0.1", "localhost", ""])
def test_a_work_prefix_of_another_feed_is_refused(bucket: Bucket, prefix: str, host: str) -> None:
    claims(bucket, DUO)
    sentence = refused(bucket, (prefix, "work/", host))
    assert f"The feed has changed from {bucket.uri('feed/')} (according to" in sentence
    assert f"to {bucket.uri(prefix)}, so SecOps would get a second copy of everything that" in sentence
    assert sentence.endswith(f"delete {bucket.uri('work/feed.json')}.")


def test_a_copied_bucket_is_another_feed(bucket: Bucket) -> None:
    bucket.put("work/feed.json", body_of(json.dumps({"feed": "s3://old/feed/", "duo_account": ONE}).encode()))
    assert "has changed from s3://old/feed/" in refused(bucket, DUO)


MOVED = {
    "an account of the file is renamed": (ACME, ("feed/emca/", "work/emca/", ONE)),
    "the account moves from the environment to the file": (DUO, ACME),
    "the account moves from the file to the environment": (ACME, DUO),
    "a child account is renamed": ((*ACME, "DA1"), ("feed/emca/", "work/emca/", ONE, "DA1")),
    "an account leaves its own prefixes for those of its name": (ACME, ("feed/x/", "far/away/", ONE)),
}


@pytest.mark.parametrize(("before", "after"), MOVED.values(), ids=MOVED)
def test_an_account_whose_feed_has_changed_is_refused(bucket: Bucket, before: Place, after: Place) -> None:
    claims(bucket, before)
    claims(bucket, ("feed/globex/", "work/globex/", TWO))
    sentence = refused(bucket, after)
    note = bucket.uri(f"{before[1]}feed.json")
    assert f"has changed from {bucket.uri(before[0])} (according to {note})" in sentence
    assert "set S3_PREFIX, or the account's name or prefixes, back" in sentence
    delete(bucket, f"{before[1]}feed.json")
    claims(bucket, after)


@pytest.mark.parametrize(
    "other",
    [
        ("feed/globex/", "work/globex/", TWO),
        ("feed/child/", "work/child/", ONE, "DA2"),
        ("feed/acme/", "work/moved/", ONE),
    ],
)
def test_another_account_or_a_new_work_prefix_is_allowed(bucket: Bucket, other: Place) -> None:
    claims(bucket, ACME)
    claims(bucket, other)
    claims(bucket, ACME)
    claims(bucket, other)


@pytest.mark.parametrize(
    "other", [("feed/", "work/", TWO), ("feed/", "work/", ONE, "DA1"), ("feed/", "work/", TWO, "DA1")]
)
def test_two_duo_accounts_cannot_share_a_feed(bucket: Bucket, other: Place) -> None:
    claims(bucket, DUO)
    sentence = refused(bucket, other)
    assert f"is the feed of the Duo account {ONE}" in sentence
    assert f"the records of {'/'.join(other[2:])} would be mixed" in sentence


@pytest.mark.parametrize("emulator", ["127.0.0.1", "127.1.2.3", "localhost", "[::1]"])
def test_an_emulator_may_change_its_port(bucket: Bucket, emulator: str) -> None:
    claims(bucket, ("feed/a/", "work/a/", f"{emulator}:4001"))
    claims(bucket, ("feed/b/", "work/b/", f"{emulator}:4002"))
    claims(bucket, ("feed/a/", "work/a/", f"{emulator}:4002"))
    claims(bucket, ("feed/a/", "work/a/", f"{emulator}:4003", "DA1"))
    assert "mix" in refused(bucket, ("feed/a/", "work/a/", ONE))


def test_a_renamed_account_of_an_emulator_is_recognized_by_its_port(bucket: Bucket) -> None:
    claims(bucket, ("feed/a/", "work/a/", "127.0.0.1:4001"))
    assert "The feed has changed" in refused(bucket, ("feed/b/", "work/b/", "127.0.0.1:4001"))


def test_without_a_host_only_feeds_are_compared(bucket: Bucket) -> None:
    claims(bucket, ("feed/a/", "work/a/", ""))
    claims(bucket, ("feed/b/", "work/b/", ""))
    claims(bucket, ("feed/a/", "work/a/", ONE))


@pytest.mark.parametrize(
    "content", [b"", b"{}\n", b"[]\n", b"no json\n", b'{"feed": 1, "duo_account": 2}\n', b"\xff\n", b"null\n"]
)
@pytest.mark.parametrize("place", [DUO, ACME])
def test_a_feed_json_that_makes_no_sense_is_an_error(bucket: Bucket, content: bytes, place: Place) -> None:
    bucket.put("work/feed.json", body_of(content))
    sentence = refused(bucket, place)
    assert f"{bucket.uri('work/feed.json')} does not name the feed and the Duo account" in sentence
    assert "restore an earlier version of it, or delete it if" in sentence


@pytest.mark.parametrize("code", ["AccessDenied", "InvalidObjectState", "InternalError"])
def test_a_feed_json_that_s3_refuses_to_read_is_an_error(bucket: Bucket, code: str) -> None:
    claims(bucket, DUO)
    stores.refuses(bucket, "GetObject", "work/feed.json", code)
    assert "did not read" in refused(bucket, DUO)
    assert "did not read" in refused(bucket, ACME)


def test_one_of_two_concurrent_first_runs_with_different_feeds_is_refused(bucket: Bucket) -> None:
    def run(prefix: str) -> str:
        try:
            claims(bucket, (prefix, "work/", ONE))
        except BucketError as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(2) as threads:
        errors = list(threads.map(run, ["one/", "two/"]))
    assert sorted(map(bool, errors)) == [False, True]


@pytest.mark.parametrize("field", ["feed", "duo_account"])
def test_what_somebody_else_wrote_into_the_note_is_shown_only_if_it_is_harmless(
    bucket: Bucket, field: str
) -> None:
    own = {"feed": bucket.uri("feed/"), "duo_account": ONE}
    bucket.put(
        "work/feed.json", body_of(json.dumps({**own, field: "![x](http:) \x1b[31m +13125550123"}).encode())
    )
    said = refused(bucket, DUO)
    assert "••••" in said
    assert [harmful for harmful in ("![x]", "\x1b", "3125550123") if harmful in said] == []
