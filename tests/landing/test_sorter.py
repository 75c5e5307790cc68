"""Tests of sorting lines, in memory and on disk."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duo_pipeline.landing import sorter
from duo_pipeline.landing.sorter import Row, Sorter
from duo_pipeline.landing.spill import SpillError
from tests.landing.temporary_files import open_files, room_for

MIB = 1 << 20
ROWS = st.lists(
    st.builds(
        Row,
        ns=st.integers(0, 5),
        record_id=st.sampled_from([b"", b"a", b"b"]),
        fingerprint=st.sampled_from([b"1", b"2"]),
        existing=st.booleans(),
        line=st.sampled_from([b"", b"short", b"x" * sorter.BLOCK_BYTES]),
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


@pytest.mark.parametrize("count", [500, 20_000])
def test_however_many_rows_there_are_one_file_is_open_until_they_are_deleted(
    monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(sorter, "ROWS_IN_MEMORY", 20)
    before, one = open_files(), Sorter()
    for number in range(count):
        one.add(Row(-number, b"", b"", existing=True))
    records = one.records()
    assert next(records)[0].ns == 1 - count
    assert open_files() == before + 1
    assert len(list(records)) == count - 1
    one.close()
    assert open_files() == before


def test_sorters_that_are_read_at_once_do_not_disturb_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorter, "ROWS_IN_MEMORY", 10)
    sorters = [Sorter() for _ in range(3)]
    for number in range(1_000):
        sorters[number % 3].add(Row(-number, b"", b"", existing=True))
    at_once = zip(*(one.records() for one in sorters), *(one.records() for one in sorters), strict=False)
    numbers = [[records[0].ns for records in of_each] for of_each in zip(*at_once, strict=True)]
    assert numbers[:3] == numbers[3:]
    assert all(of_one == sorted(of_one) and len(of_one) == 333 for of_one in numbers)
    for one in sorters:
        one.close()


def test_long_lines_go_to_disk_before_there_are_many() -> None:
    one, line = Sorter(), b"x" * MIB
    for number in reversed(range(100)):
        one.add(Row(number, b"", b"", existing=False, line=line))
        assert len(one._rows) * len(line) <= sorter.BYTES_IN_MEMORY
    assert [records[0].ns for records in one.records()] == list(range(100))
    assert all(records[0].line == line for records in one.records())
    one.close()


@pytest.mark.parametrize(
    ("rows", "size", "room"), [(1, 0, 0), (2_000, 1_000, MIB), (2, MIB, MIB), (1, 50 * MIB, MIB)]
)
def test_a_full_disk_is_told_at_once_and_leaves_no_file_behind(
    monkeypatch: pytest.MonkeyPatch, rows: int, size: int, room: int
) -> None:
    monkeypatch.setattr(sorter, "ROWS_IN_MEMORY", 1)
    before, one = open_files(), Sorter()
    with room_for(room), pytest.raises(SpillError, match=r"written to /.* \(File too large\): make sure"):
        for number in range(rows):
            one.add(Row(number, b"", b"", existing=False, line=b"x" * size))
    with room_for(room):
        one.close()
    assert open_files() == before
