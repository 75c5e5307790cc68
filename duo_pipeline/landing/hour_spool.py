"""The records of one hour while they are sorted out, in bounded memory."""

import sqlite3
from collections.abc import Iterable, Iterator

_CACHE_KIB = 8 * 1024


class HourSpool:
    """A set of lines that knows which of them are in S3 already.

    It is a private SQLite database without a name: SQLite keeps it in memory while it is small and moves it
    to a temporary file when it is not, so a million records need no more memory than a thousand.
    """

    def __init__(self) -> None:
        self._database = sqlite3.connect("", check_same_thread=False)
        self._database.executescript(
            f"""
            PRAGMA journal_mode = off;
            PRAGMA cache_size = -{_CACHE_KIB};
            CREATE TABLE line (identity BLOB PRIMARY KEY, ns INTEGER, telephony_id BLOB, line BLOB);
            CREATE TABLE there (identity BLOB PRIMARY KEY) WITHOUT ROWID;
            """
        )

    def close(self) -> None:
        """Drop it."""
        self._database.close()

    def add(self, identity: bytes, *, ns: int, telephony_id: str, line: bytes) -> bool:
        """Add a record's line; tell whether it is the first with its identity."""
        # bytes, since SQLite's text cannot hold half a surrogate pair; they sort as the text does
        row = (identity, ns, telephony_id.encode(errors="surrogatepass"), line)
        return self._database.execute("INSERT OR IGNORE INTO line VALUES (?, ?, ?, ?)", row).rowcount == 1

    def add_there(self, identities: Iterable[bytes]) -> None:
        """Say which records S3 has."""
        self._database.executemany("INSERT OR IGNORE INTO there VALUES (?)", ((one,) for one in identities))

    def first(self, count: int) -> list[bytes]:
        """Give the first lines, there or not."""
        rows = self._database.execute(f"SELECT line FROM line {_ORDER} LIMIT ?", (count,))  # noqa: S608
        return [row[0] for row in rows]

    def new(self) -> Iterator[bytes]:
        """Give the lines that S3 lacks, ordered by (ts, telephony_id)."""
        rows = self._database.execute(f"SELECT line FROM line {_NOT_THERE} {_ORDER}")  # noqa: S608
        return (row[0] for row in rows)


_NOT_THERE = "WHERE identity NOT IN (SELECT identity FROM there)"
_ORDER = "ORDER BY ns, telephony_id, identity"
"""With the identity, so that the same records are the same object whichever order they came in."""
