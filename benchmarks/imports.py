"""How long the code location takes to import, compared with Dagster itself."""

from benchmarks import child
from benchmarks.rows import Row, compared

REPEATS = 7


def row() -> Row:
    """Import both in fresh processes, in turn; the first pair only fills the caches."""
    pairs = [
        (
            child.seconds(("-c", "import duo_pipeline.definitions"), {}),
            child.seconds(("-c", "import dagster"), {}),
        )
        for _ in range(REPEATS + 1)
    ]
    return compared("import of the definitions, by import dagster", pairs[1:], None)
