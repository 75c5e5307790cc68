"""The page about the mapping."""

from pathlib import Path

from duo_pipeline.udm.documentation import document
from duo_pipeline.udm.rules import RULES

PAGE = Path(__file__).parents[2] / "docs" / "udm-mapping.md"
ROWS_OF_THE_GUIDE = 17


def test_the_page_is_what_the_table_says() -> None:
    assert PAGE.read_text() == document(), (
        "run python -m duo_pipeline.udm.documentation > docs/udm-mapping.md"
    )


def test_each_row_of_googles_guide_stands_in_the_table_once() -> None:
    numbers = sorted(row.number for rule in RULES for row in rule.guide)
    assert numbers == list(range(1, ROWS_OF_THE_GUIDE + 1))
