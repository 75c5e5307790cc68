"""Several runs over the same hour at the same time, in every order that their calls to S3 can have."""

import json
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from duo_pipeline.landing.bucket import Bucket
from duo_pipeline.landing.feed import Feed
from duo_pipeline.landing.hour_queue import HourQueue
from duo_pipeline.landing.line import RecordFormat
from tests.landing.test_hour import entries
from tests.proof.turns import FATES, Choice, Fate, InMemory, Turns
from tests.records import Sent, spread

HOUR = datetime(2026, 11, 23, 5, tzinfo=UTC)
# The last differs from the first only in its txid.
RECORDS = [
    {**record, "telephony_id": f"id-{number}", "txid": f"tx-{number}"}
    for number, record in enumerate(spread(HOUR, 5))
]
RECORDS.append({**RECORDS[0], "txid": "another"})
MOST_SCHEDULES = 5_000


class Same:
    """One hour of a feed, and runs over it."""

    def __init__(self, bucket: Bucket, prefix: str = "") -> None:
        self.bucket = bucket
        self.prefix = prefix

    def land(self, bucket: Bucket, shown: Sequence[Sent], record_format: RecordFormat = "secops") -> None:
        feed = Feed(bucket, f"{self.prefix}feed/", f"{self.prefix}work/", record_format)
        with HourQueue(feed, host="api-1.duosecurity.com", on_landed=lambda *_: None) as queue:
            queue.land(HOUR, entries(shown))
            queue.finish()

    def run(
        self, shown: Sequence[Sent], record_format: RecordFormat = "secops"
    ) -> tuple[Callable[[Bucket], None], Callable[[], None]]:
        """A run; if it succeeds, what Duo showed it is in the feed."""

        def is_there() -> None:
            lacking = Counter(map(name_of, shown)) - self.landed()
            assert not lacking, f"a run has ended well without {lacking}"

        return lambda bucket: self.land(bucket, shown, record_format), is_there

    def landed(self) -> Counter[tuple[str, str]]:
        return Counter(
            name_of(json.loads(line))
            for key in self.bucket.keys(f"{self.prefix}feed/")
            for line in self.bucket.lines(key)
        )

    def is_exact_after_a_clean_run(self, shown: Sequence[Sent]) -> None:
        doubled = {one: count for one, count in self.landed().items() if count > 1}
        assert not doubled
        self.land(self.bucket, shown)
        assert self.landed() == Counter(map(name_of, shown))


class EachInTurn:
    """Goes through all possible schedules: each time, it changes the last choice that has an alternative."""

    def __init__(self) -> None:
        self._path: list[list[int]] = []
        self._depth = 0
        self.schedules = 0

    def __call__(self, choices: Sequence[Choice]) -> Choice:
        if self._depth == len(self._path):
            self._path.append([0, len(choices)])
        taken, there = self._path[self._depth]
        assert there == len(choices), "the same schedule must offer the same choices"
        self._depth += 1
        return choices[taken]

    def another(self) -> bool:
        self.schedules += 1
        while self._path and self._path[-1][0] + 1 == self._path[-1][1]:
            self._path.pop()
        if self._path:
            self._path[-1][0] += 1
        self._depth = 0
        assert self.schedules < MOST_SCHEDULES
        return bool(self._path)


# A killed run's write may arrive at any time, so immediate arrival is among the cases.
@pytest.mark.parametrize(
    ("fate", "before"),
    [
        pytest.param("killed before", [], id="killed before a write, empty hour"),
        pytest.param("killed in flight", [], id="killed while a write is in flight, empty hour"),
        pytest.param("answer lost", [], id="answer lost and written again, empty hour"),
        pytest.param("killed before", RECORDS[:1], id="killed before a write, landed hour"),
    ],
)
def test_in_whatever_order_two_runs_call_s3_and_whatever_befalls_a_write_the_feed_is_exact(
    fate: Fate, before: list[Sent]
) -> None:
    schedule, another = EachInTurn(), True
    while another:
        same = Same(InMemory())
        if before:
            same.land(same.bucket, before)
        turns = Turns(same.bucket, schedule, fates=[fate], misfortunes=1)
        turns.play([same.run(RECORDS[:3]), same.run(RECORDS[1:])])
        same.is_exact_after_a_clean_run(RECORDS)
        another = schedule.another()
    assert schedule.schedules > 100


RUNS = st.lists(
    st.tuples(
        st.lists(st.sampled_from(RECORDS), unique_by=lambda one: (one["telephony_id"], one["txid"])),
        st.sampled_from(("secops", "verbatim")),
    ),
    min_size=2,
    max_size=4,
)


def test_several_runs_in_either_format_that_take_turns_on_a_real_s3_server(bucket: Bucket) -> None:
    @settings(
        max_examples=60,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(runs=RUNS, misfortunes=st.integers(0, 3), data=st.data())
    def exact(runs: list[tuple[list[Sent], RecordFormat]], misfortunes: int, data: st.DataObject) -> None:
        def choose(choices: Sequence[Choice]) -> Choice:
            return choices[data.draw(st.integers(0, len(choices) - 1), label=str(choices))]

        same = Same(bucket, prefix=f"{uuid.uuid4()}/")
        Turns(bucket, choose, FATES, misfortunes).play([same.run(*run) for run in runs])
        same.is_exact_after_a_clean_run(RECORDS)

    exact()


def name_of(record: Sent) -> tuple[str, str]:
    return record["telephony_id"], record["txid"]
