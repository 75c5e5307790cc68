"""The errors whose text is a sentence for a person: a command prints it, and no traceback."""

from duo_pipeline.config.settings import SettingsError
from duo_pipeline.landing.bucket import BucketError
from duo_pipeline.landing.spill import SpillError
from duo_pipeline.secops.errors import SecOpsError
from duo_pipeline.secops.feed_body import FeedBodyError

SENTENCES = (SettingsError, BucketError, SpillError, SecOpsError, FeedBodyError)
