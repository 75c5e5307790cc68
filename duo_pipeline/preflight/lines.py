"""What was tried, and the result, line by line."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from duo_pipeline.config.settings import SettingsError
from duo_pipeline.secops.errors import SecOpsError

T = TypeVar("T")

_NAMED = 3


def first_names(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are."""
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"


class Status(StrEnum):
    """The result of a line."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    NOT_TRIED = "not tried"


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that a run needs: its status, and a sentence that says what to do if it is wrong."""

    name: str
    status: Status
    sentence: str


class Group:
    """Lines that belong together. Each needs the ones above it.

    Args:
        name: What they are about.
        lines: Their names. A line without a result has not been tried.

    Attributes:
        account: The account that they are about; None if they are about all accounts.
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
        """Report that the line is as it should be."""
        self._say(line, Status.OK, sentence)

    def warn(self, line: str, sentence: str) -> None:
        """Report that a run can work, but that a person should look."""
        self._say(line, Status.WARNING, sentence)

    def fail(self, line: str, sentence: str) -> None:
        """Report that a run cannot work."""
        self._say(line, Status.FAILED, sentence)

    def tried(self, line: str, ask: Callable[[], T]) -> T | None:
        """Return what ``ask`` returns. If settings or SecOps fail, report that, and return None."""
        try:
            return ask()
        except (SettingsError, SecOpsError) as error:
            self.fail(line, str(error))
            return None

    def _say(self, line: str, status: Status, sentence: str) -> None:
        assert line in self._lines  # noqa: S101 - the names are this package's own
        self._lines[line] = Line(line, status, sentence)
