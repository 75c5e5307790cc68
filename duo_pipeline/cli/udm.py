"""`duo-pipeline udm`: the events that Google's parser makes of any NDJSON."""

import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import click
from dagster_aws.s3 import S3Resource
from dotenv import load_dotenv
from rich.console import Console
from rich.table import Table
from rich.text import Text

from duo_pipeline.defs.resources import s3_client
from duo_pipeline.landing.bucket import Bucket, BucketError
from duo_pipeline.landing.hour_lines import PlacedLine
from duo_pipeline.landing.packed import MAGIC, PackedError, is_packed, unpacked_lines
from duo_pipeline.masking import shown, shown_name
from duo_pipeline.udm.findings import Findings
from duo_pipeline.udm.lines import event_lines


def run_udm(source: str, *, show_findings: bool) -> None:
    """Print the UDM event of each line, or a table of what SecOps will not show.

    Exits with 1 if a line has a violation, and with 2 if the source cannot be read.

    Args:
        source: A file, ``-`` for stdin, or an ``s3://`` URI; one that ends in a slash stands for all objects
            below it.
        show_findings: Whether to print the table.
    """
    findings = Findings()
    try:
        for event in event_lines(source_lines(source), findings):
            if not show_findings:
                sys.stdout.buffer.write(event)
    except BrokenPipeError:  # the reader of the pipe has closed it, as `head` does: click ends quietly
        raise
    except (OSError, BucketError, PackedError) as error:
        click.echo(f"Error: {why_unreadable(source, error)}", err=True)
        sys.exit(2)
    if show_findings:
        console = Console(highlight=False)
        console.print(_findings_table(findings))
        console.print(_facts_table(findings))
    sys.stdout.flush()
    total = findings.events_by_type.total()
    click.echo(
        f"{findings.lines:,} lines, {total:,} events, {findings.violations:,} violations,"
        f" {findings.total - findings.violations:,} warnings"
        + ("" if show_findings or not findings.total else " (to see them: --findings)"),
        err=True,
    )
    sys.exit(1 if findings.violations else 0)


def source_lines(source: str) -> Iterator[PlacedLine]:
    """Yield the lines of a file, of ``-`` for stdin, or of an ``s3://`` URI.

    Raises:
        OSError: The file cannot be read.
        BucketError: S3 refused a request or could not be reached.
    """
    if source.startswith("s3://"):
        yield from _s3_lines(source)
    elif source == "-":
        stdin = io.BufferedReader(cast("io.RawIOBase", sys.stdin.buffer))
        packed = stdin.peek(len(MAGIC)).startswith(MAGIC)  # it has no name
        yield from _numbered("stdin", unpacked_lines(stdin) if packed else stdin)
    else:
        with Path(source).open("rb") as file:
            yield from _numbered(source, unpacked_lines(file) if is_packed(source) else file)


def _s3_lines(uri: str) -> Iterator[PlacedLine]:
    load_dotenv(".env", override=True)
    name, _, key = uri.removeprefix("s3://").partition("/")  # not a URL: a key may have #, ? and %
    bucket = Bucket(s3_client(S3Resource()), name)
    is_prefix = key.endswith("/") or not key
    found = bucket.keys(key) if is_prefix else [key]
    if is_prefix and all(one.endswith("/") for one in found):
        raise BucketError(f"There is no object below {uri}: check the name of the bucket and the prefix.")
    for one in found:
        where = bucket.uri(f"{key}{shown_name(one.removeprefix(key))}")
        yield from _numbered(where, bucket.unpacked_lines(one))


def _numbered(name: str, lines: Iterator[bytes]) -> Iterator[PlacedLine]:
    try:
        for number, line in enumerate(lines, start=1):
            yield PlacedLine(name, number, line.rstrip(b"\r\n"))
    except PackedError as error:
        raise PackedError(f"{name} cannot be unpacked to its end: {error}.") from None


def why_unreadable(source: str, error: Exception) -> str:
    """Return the sentence for an error of `source_lines`."""
    if isinstance(error, OSError):
        reason = error.strerror or type(error).__name__
        return f"{source} cannot be read ({reason}): check its name, and that you may read it."
    return str(error)


def _findings_table(findings: Findings) -> Table:
    table = Table("lines", "severity", "finding, and the first line with it", title="What was found")
    for issue, lines, (first, *_) in findings.findings():
        whose = f" (telephony_id {shown(first.record_id)})" if first.record_id is not None else ""
        said = Text(f"{issue.sentence}\n{first}{whose}")
        table.add_row(f"{lines:,}", issue.type.severity, said)
    return table


def _facts_table(findings: Findings) -> Table:
    table = Table("UDM field", "from", "lines", "events", "lost", title="What arrives")
    for udm, raw, lines, events in findings.fact_counts():
        if lines and raw:
            lost = f"[red]{lines - events:,}[/]" if lines > events else "0"
            table.add_row(udm, raw, f"{lines:,}", f"{events:,}", lost)
    return table
