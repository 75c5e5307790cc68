"""The usage of days in S3: read the lines, read and write what was made of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any, NamedTuple

from duo_pipeline import ndjson
from duo_pipeline.defs.days import hours_of
from duo_pipeline.landing import keys
from duo_pipeline.landing.body import Body
from duo_pipeline.landing.feed import Feed, Listing
from duo_pipeline.usage.day import Usage
from duo_pipeline.usage.lines import DayLines, LineReader
from duo_pipeline.usage.profile import Profile, profile_from

DAY = "day"
USAGE = "usage"
FINDINGS = "findings"
CREDITS = "credits"
_AT_ONCE = 8


class StoredDay(NamedTuple):
    """What S3 has of the usage of a day.

    Attributes:
        summary: The totals, as `UsageDays.write` has written them.
        rows: The usage by hour, type, context and country.
        findings: The findings.
    """

    summary: Mapping[str, Any]
    rows: Sequence[Mapping[str, Any]]
    findings: Sequence[Mapping[str, Any]]


class UsageDays:
    """The usage of an account's days.

    Args:
        feed: The account's feed.

    Raises:
        BucketError: From its methods, if S3 refuses a request or cannot be reached.
    """

    def __init__(self, feed: Feed) -> None:
        self._bucket = feed.bucket
        self._work_prefix = feed.work_prefix
        self._listing = Listing(feed.bucket, feed.prefix)

    def lines(self, day: date) -> DayLines:
        """Return the lines of a day in the feed. Request the days in order."""
        reader = LineReader()
        for hour in hours_of(day):
            for key in self._listing.of(hour):
                reader.add_hour(hour, self._bucket.lines(key))
        return reader.read()

    def write(self, usage: Usage) -> list[str]:
        """Write the usage of a day, and return the URIs of the objects."""
        summary = {
            "calls": usage.calls,
            "credits": usage.credits,
            "numbers": usage.numbers,
            "findings": len(usage.findings),
            "missing_hours": usage.missing_hours,
            "unreadable_numbers": usage.unreadable_numbers,
            "unreadable_lines": usage.unreadable_lines,
            "off": dict(usage.off),
            "profile": usage.profile.to_json(),
        }
        return [
            self._put(self._key(usage.day, USAGE), usage.lines()),
            self._put(self._key(usage.day, FINDINGS), usage.finding_lines()),
            self._put(self._key(usage.day, DAY), [ndjson.line(summary)]),
        ]

    def profiles(self, days: Sequence[date]) -> dict[date, Profile]:
        """Return the profiles of some days, in order, without the days that have none."""
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            found = threads.map(self._profile, self._made(days))
            return {profile.day: profile for profile in found if profile is not None}

    def stored(self, days: Sequence[date]) -> dict[date, StoredDay]:
        """Return what there is of some days, in order, without the days that have no usage yet."""
        made = self._made(days)
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            return dict(zip(made, threads.map(self._stored, made), strict=True))

    def credits(self) -> Mapping[str, Any] | None:
        """Return what Duo last said about the credits that are left, as `write_credits` has written it."""
        key = self._credits_key
        return next(self._read(key), None) if key in self._bucket.keys(key) else None

    def write_credits(self, said: Mapping[str, Any]) -> None:
        """Write what Duo said about the credits that are left."""
        self._put(self._credits_key, [ndjson.line(said)])

    @property
    def _credits_key(self) -> str:
        return f"{keys.usage_prefix(self._work_prefix)}{CREDITS}.ndjson"

    def _key(self, day: date, name: str) -> str:
        return keys.usage_key(self._work_prefix, day, name)

    def _made(self, days: Sequence[date]) -> list[date]:
        folders = {*self._bucket.folders(keys.usage_prefix(self._work_prefix))}
        return [day for day in days if keys.day_folder(day) in folders]

    def _profile(self, day: date) -> Profile | None:
        summary = next(self._read(self._key(day, DAY)), {})
        return profile_from(summary.get("profile"))

    def _stored(self, day: date) -> StoredDay:
        summary = next(self._read(self._key(day, DAY)), {})
        rows, findings = ([*self._read(self._key(day, name))] for name in (USAGE, FINDINGS))
        return StoredDay(summary, rows, findings)

    def _read(self, key: str) -> Iterator[dict[str, Any]]:
        return (found for line in self._bucket.lines(key) if (found := ndjson.record(line)) is not None)

    def _put(self, key: str, lines: Iterable[bytes]) -> str:
        with Body() as body:
            body.write_all(lines)
            self._bucket.put(key, body)
        return self._bucket.uri(key)
