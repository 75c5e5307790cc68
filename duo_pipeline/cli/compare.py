"""`duo-pipeline udm --with-secops`: where the parser of SecOps differs from this project's model."""

import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import tee

import click
from dotenv import load_dotenv
from rich.console import Console
from rich.table import Table
from rich.text import Text

from duo_pipeline.cli.check import PIPED_WIDTH
from duo_pipeline.cli.udm import source_lines, why_unreadable
from duo_pipeline.config.secops import secops
from duo_pipeline.landing.bucket import BucketError
from duo_pipeline.landing.packed import PackedError
from duo_pipeline.masking import shown
from duo_pipeline.secops import parser
from duo_pipeline.udm.comparison import Comparison


def run_compare(source: str) -> None:
    """Run the lines through the parser that is active in SecOps, and print where the model differs.

    Exits with 1 if a field differs, with 2 if the source cannot be read, and with 0 otherwise.

    Args:
        source: As in `run_udm`.

    Raises:
        SettingsError: A setting is missing or wrong.
        SecOpsError: SecOps refused or could not be reached.
    """
    load_dotenv(".env", override=True)
    comparison = Comparison()
    try:
        asked = secops(os.environ).open()
        active = parser.active_parser(asked)
        sent, compared = tee(_texts(source))
        for line, event in zip(compared, parser.run(asked, active, sent), strict=True):
            comparison.add(line, event, datetime.now(UTC))
    except (OSError, BucketError, PackedError) as error:
        click.echo(f"Error: {why_unreadable(source, error)}", err=True)
        sys.exit(2)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)
    if comparison.fields:
        console.print(_table(comparison))
    console.print(f"The parser of {asked.name} is {active.sentence}.", soft_wrap=True)
    differ = f"{len(comparison.fields)} fields differ" if comparison.fields else "no field differs"
    console.print(f"{comparison.lines:,} lines: {differ} from the model of this project.")
    sys.exit(1 if comparison.fields else 0)


def _texts(source: str) -> Iterator[bytes]:
    for _, _, text in source_lines(source):
        yield text


def _table(comparison: Comparison) -> Table:
    table = Table("UDM field", "lines", "the model", "SecOps", "first at line", title="What differs")
    for field, count in comparison.fields.most_common():
        number, first = comparison.first[field]
        values = ("nothing" if one is None else shown(str(one)) for one in (first.modelled, first.actual))
        table.add_row(Text(field), f"{count:,}", *map(Text, values), f"{number:,}")
    return table
