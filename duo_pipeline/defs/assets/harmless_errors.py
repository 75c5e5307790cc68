"""Errors that nobody foresaw, without the values that their texts may quote."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from duo_pipeline.masking import shown


@contextmanager
def harmless_errors() -> Iterator[None]:
    """Raise an unexpected error again, with the same name and traceback, and its text as people may see it.

    Dagster keeps the text in its database and in the logs of the run, and ``KeyError('+13125550123')`` quotes
    a phone number.
    """
    try:
        yield
    except dg.Failure:
        raise
    except Exception as error:
        harmless = type(type(error).__name__, (Exception,), {})(shown(str(error)))
        raise harmless.with_traceback(error.__traceback__) from None
