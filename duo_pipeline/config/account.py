"""A Duo account: how it is called, and where its settings come from."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Account:
    """One Duo account.

    Attributes:
        name: The first part of the keys of its assets.
        suffix: What tells its job, its schedules and its pool from those of others.
        given: Settings that its entry in the file of accounts gives, by the names of their variables.
        variables: The variables that hold its keys, where they are others than ``DUO_IKEY`` and ``DUO_SKEY``.
        secret: The secret of AWS Secrets Manager that holds its keys, if any does.
        account_id: Its id at Duo, where the keys are those of an MSP's parent account.
    """

    name: str
    suffix: str
    given: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    secret: str = ""
    account_id: str = ""

    @property
    def job(self) -> str:
        """The job that reads it."""
        return f"telephony{self.suffix}"

    @property
    def reconcile_job(self) -> str:
        """The job that reads hours again."""
        return f"telephony_reconcile{self.suffix}"

    @property
    def reconcile_op(self) -> str:
        """The one step of that job."""
        return f"read_again{self.suffix}"

    @property
    def schedules(self) -> tuple[str, str]:
        """The schedules that request its hours: the missing ones, and those that are read again."""
        return f"telephony_hourly{self.suffix}", f"telephony_reconcile{self.suffix}"

    @property
    def pool(self) -> str:
        """The pool of runs that ask Duo for it: its quota is one, so one run of the queue at a time reads it.

        A run that is started from the command line does not stand in the queue.
        """
        return f"duo_admin_api{self.suffix}"

    def value(self, setting: str, environ: Mapping[str, str]) -> str:
        """Give the text of a setting: the file's, or else the environment's; empty if nobody has set it."""
        return self.given.get(setting) or environ.get(self.called(setting), "").strip()

    def called(self, setting: str) -> str:
        """Give the name of the variable that holds a setting."""
        return self.variables.get(setting, setting)


THE_ONE = Account("duo", "")
"""The account of the environment, where there is no file of accounts."""
