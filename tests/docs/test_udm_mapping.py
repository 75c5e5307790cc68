"""The page about the mapping."""

from pathlib import Path

from docs.udm_mapping import GUIDE_ROWS, page

PAGE = Path(__file__).parents[2] / "docs" / "udm-mapping.md"


def test_the_page_shows_the_rules_as_they_are() -> None:
    assert PAGE.read_text() == page(), "run python -m docs.udm_mapping > docs/udm-mapping.md"


def test_the_page_shows_each_row_of_googles_guide() -> None:
    assert len(GUIDE_ROWS) == 17
