"""What was tried, and what came of it, line by line."""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """What came of a line."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    NOT_TRIED = "not tried"


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that a run needs: what came of it, and a sentence that says what to do where it is wrong."""

    name: str
    status: Status
    sentence: str


class Group:
    """Lines that belong together, each of which needs what stands above it.

    Args:
        name: What they are about.
        lines: Their names; one of which nothing is said has not been tried.

    Attributes:
        account: The account that they are about; none where they are about all.
    """

    def __init__(self, name: str, *lines: str) -> None:
        self.name = name
        self.account: str | None = None
        self._lines = {
            line: Line(line, Status.NOT_TRIED, "Not tried: something above is wrong.") for line in lines
        }

    @property
    def lines(self) -> list[Line]:
        """The lines in their order."""
        return list(self._lines.values())

    def ok(self, line: str, sentence: str) -> None:
        """Say that it is as it should be."""
        self._say(line, Status.OK, sentence)

    def warn(self, line: str, sentence: str) -> None:
        """Say that a run can do, and that a person should look."""
        self._say(line, Status.WARNING, sentence)

    def fail(self, line: str, sentence: str) -> None:
        """Say that a run cannot do."""
        self._say(line, Status.FAILED, sentence)

    def _say(self, line: str, status: Status, sentence: str) -> None:
        assert line in self._lines  # noqa: S101 - the names are this package's own
        self._lines[line] = Line(line, status, sentence)
