"""`parser_as_modelled`: the parser that is active in SecOps does what this project's model of it does."""

from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any

import dagster as dg

from duo_pipeline import ndjson
from duo_pipeline.config import settings
from duo_pipeline.config.account import Account
from duo_pipeline.defs.checks.evaluations import Verdict
from duo_pipeline.defs.partitions import hour_of
from duo_pipeline.defs.resources import SecOpsInstance, feed_of
from duo_pipeline.landing.bucket import BucketError
from duo_pipeline.landing.feed import Feed, Listing
from duo_pipeline.landing.hour_lines import hour_lines
from duo_pipeline.landing.spill import SpillError
from duo_pipeline.masking import shown
from duo_pipeline.secops import parser
from duo_pipeline.secops.errors import SecOpsError
from duo_pipeline.secops.parser import Parser
from duo_pipeline.udm import to_udm
from duo_pipeline.udm.comparison import Comparison
from duo_pipeline.udm.invented import invented_lines
from duo_pipeline.udm.shapes import shape_of

PARSER_AS_MODELLED = "parser_as_modelled"
_ONCE_A_DAY: Any = (
    dg.AutomationCondition.cron_tick_passed("15 4 * * *") & ~dg.AutomationCondition.in_progress()
)
_NEWEST_HOURS = 24
_MOST_LINES = 20_000
_MOST_SHAPES = 200
_NAMED = 5


def parser_as_modelled(
    account: Account, lines: dg.AssetsDefinition, events: dg.AssetKey, now: Callable[[], datetime]
) -> dg.AssetChecksDefinition:
    """Make the check of one Duo account.

    Only invented lines and the account's own lines are sent, and only to the account's own instance.

    Args:
        account: The account.
        lines: The asset whose hours are in the feed.
        events: The asset that the check is about.
        now: The time, in UTC.
    """

    @dg.asset_check(
        asset=events,
        name=PARSER_AS_MODELLED,
        description="The parser that is active in SecOps makes the events that the model of this project"
        " makes: of invented lines that exercise every rule, and of one of each sort of the newest lines.",
        required_resource_keys={account.feed_resource, account.secops_resource},
        automation_condition=_ONCE_A_DAY,
    )
    def check(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        try:
            feed = feed_of(context.resources, account)
            instance: SecOpsInstance = getattr(context.resources, account.secops_resource)
            secops = instance.settings().open()
            landed = context.instance.get_materialized_partitions(lines.key)
            own = one_of_each_sort(feed, [hour_of(key) for key in sorted(landed)[-_NEWEST_HOURS:]])
            active = parser.active_parser(secops)
            sent = [*invented_lines(), *own]
            comparison = Comparison()
            for line, event in zip(sent, parser.run(secops, active, sent), strict=True):
                comparison.add(line, event, now())
        except (settings.SettingsError, BucketError, SpillError, SecOpsError) as error:
            # a failure would fail a run in which somebody lands an hour
            return dg.AssetCheckResult(
                passed=False, severity=dg.AssetCheckSeverity.WARN, description=f"Not compared. {error}"
            )
        said = verdict(comparison, active)
        return dg.AssetCheckResult(passed=said.passed, description=said.sentence)

    return check


def verdict(comparison: Comparison, active: Parser) -> Verdict:
    """Return the verdict on the parser, by how the events differ."""
    parser_ = f"On {comparison.lines:,} lines, the parser of SecOps ({active.sentence})"
    if not comparison.fields:
        return Verdict(True, f"{parser_} makes the events that the model of this project makes.")
    named = []
    for field, count in comparison.fields.most_common(_NAMED):
        _, first = comparison.first[field]
        here, there = _shown(first.modelled), _shown(first.actual)
        named.append(f"{field} on {count:,} lines ({here} in the model, {there} in SecOps)")
    more = f", and {len(comparison.fields) - _NAMED} more" if len(comparison.fields) > _NAMED else ""
    cure = (
        "Google may have changed it, and the findings of this project are about the old one: report it."
        if active.is_googles and not active.extension
        else "it is not only Google's own, so the findings of this project may not hold for it."
    )
    return Verdict(False, f"{parser_} differs in {', '.join(named)}{more}: {cure}")


def one_of_each_sort(feed: Feed, hours: list[datetime]) -> list[bytes]:
    """Return one line of each shape among the newest lines of these hours, newest hour first."""
    found: dict[object, bytes] = {}
    for text in islice(_newest(feed, hours), _MOST_LINES):
        record = ndjson.record(text)
        if record is not None:
            found.setdefault(shape_of(record, to_udm(record)), text)
        if len(found) == _MOST_SHAPES:
            break
    return list(found.values())


def _newest(feed: Feed, hours: list[datetime]) -> Iterator[bytes]:
    existing = Listing(feed.bucket, feed.prefix)
    for hour in reversed(hours):
        for placed in hour_lines(feed, existing.of(hour)):
            yield placed.text


def _shown(value: object) -> str:
    return "nothing" if value is None else shown(str(value))
