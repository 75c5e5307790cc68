"""What Dagster has of one Duo account besides its pipeline, if ``SECOPS_*`` is set."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

import dagster as dg

from duo_pipeline.config.account import Account
from duo_pipeline.config.secops import wait_minutes
from duo_pipeline.config.settings import HourSettings
from duo_pipeline.defs import tags
from duo_pipeline.defs.resources import secops_resource
from duo_pipeline.defs.secops.events import secops_events
from duo_pipeline.defs.secops.parser_check import parser_as_modelled
from duo_pipeline.defs.secops.schedule import receipts_schedule


class Receipts(NamedTuple):
    """What there is besides.

    Attributes:
        events: The asset whose hours are receipts.
        parser_check: The check that the parser is the one that is modelled.
        definitions: All of it, for Dagster.
    """

    events: dg.AssetsDefinition
    parser_check: dg.AssetChecksDefinition
    definitions: dg.Definitions


def receipts(
    account: Account,
    lines: dg.AssetsDefinition,
    udm: dg.AssetsDefinition,
    hours: HourSettings,
    environ: Mapping[str, str],
    now: Callable[[], datetime],
) -> Receipts:
    """Make the receipts of an account.

    Args:
        account: The account.
        lines: The asset whose hours are in the feed.
        udm: The asset whose hours are what SecOps will show.
        hours: Which hours there are.
        environ: Where the settings of SecOps are.
        now: The time, in UTC.
    """
    partitions = lines.partitions_def
    assert partitions is not None  # noqa: S101 - the asset is made with it
    wait = timedelta(minutes=wait_minutes(environ))
    events = secops_events(account, lines, partitions, now)
    check = parser_as_modelled(account, lines, udm.key, now)
    job = dg.define_asset_job(
        account.receipts_job, dg.AssetSelection.assets(events), tags={tags.ACCOUNT: account.name}
    )
    definitions = dg.Definitions(
        assets=[events],
        asset_checks=[check],
        jobs=[job],
        schedules=[receipts_schedule(account, lines, events, hours, wait, now)],
        resources=secops_resource(account),
    )
    return Receipts(events, check, definitions)
