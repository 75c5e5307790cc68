"""An instance of Google SecOps, and the log that it is asked about."""

from dataclasses import dataclass

LOG_TYPE = "DUO_TELEPHONY"
DISPLAY_NAME = "Duo telephony"
"""The name of the SecOps feed, unless somebody chooses another one."""


@dataclass(frozen=True, slots=True)
class Instance:
    """An instance of Google SecOps.

    Attributes:
        project: The Google Cloud project of the instance.
        location: Its region, for example ``us`` or ``europe-west2``.
        instance: Its id, which Google also calls the customer id.
    """

    project: str
    location: str
    instance: str

    @property
    def name(self) -> str:
        """Return its resource name."""
        return f"projects/{self.project}/locations/{self.location}/instances/{self.instance}"
