"""Tests of sorting lines, in memory and on disk."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duo_pipeline.landing import sorter
from duo_pipeline.landing.sorter import Row, Sorter

ROWS = st.lists(
    st.builds(
        Row,
        ns=st.integers(0, 5),
        record_id=st.sampled_from([b"", b"a", b"b"]),
        fingerprint=st.sampled_from([b"1", b"2"]),
        existing=st.booleans(),
    )
)


@pytest.mark.parametrize("rows_in_memory", [1, 3, 1000])
def test_rows_are_sorted_and_grouped_by_record(rows_in_memory: int) -> None:
    @given(rows=ROWS)
    def check(rows: list[Row]) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sorter, "ROWS_IN_MEMORY", rows_in_memory)
            one = Sorter()
            for row in rows:
                one.add(row)
            records = list(one.records())
            assert [row for record in records for row in record] == sorted(rows)
            assert len(records) == len({row[:3] for row in rows})
            assert list(one.records()) == records, "they can be read again"
            one.close()

    check()


def test_rows_beyond_the_limit_are_kept_on_disk() -> None:
    one = Sorter()
    numbers = list(range(3 * sorter.ROWS_IN_MEMORY))
    random.Random(1).shuffle(numbers)
    for number in numbers:
        one.add(Row(number, b"", b"", existing=False))
    assert len(one._rows) < sorter.ROWS_IN_MEMORY
    assert [record[0].ns for record in one.records()] == sorted(numbers)
    one.close()
