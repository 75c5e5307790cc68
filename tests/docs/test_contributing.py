"""CONTRIBUTING.md and CHANGELOG.md, held against the project."""

import re

from duo_pipeline import __version__
from tests.docs.conftest import TOP

TEXT = (TOP / "CONTRIBUTING.md").read_text()
FILES = [file for folder in ("duo_pipeline", "tests", "docs") for file in (TOP / folder).rglob("*.py")]
AN_EXAMPLE = "test_a_record_that_duo_shows_twice_lands_once"


def test_every_file_and_folder_that_is_named_exists() -> None:
    named = set(re.findall(r"(?<![\w./-])((?:[\w-]+/)+(?:[\w-]+\.\w+)?|\w+\.py)", TEXT))
    assert len(named) > 25
    there = [f"/{file.relative_to(TOP)}/" for pattern in ("*", "*/**/*") for file in TOP.glob(pattern)]
    assert [name for name in named if not any(file.endswith(f"/{name.strip('/')}/") for file in there)] == []


def test_every_target_of_make_exists() -> None:
    makefile = (TOP / "Makefile").read_text()
    targets = set(re.findall(r"make ([a-z-]+)", TEXT))
    assert targets >= {"fast", "check", "test", "test-ui", "test-production", "test-newest", "bench"}
    assert [one for one in targets if not re.search(rf"^{one}:", makefile, re.MULTILINE)] == []


def test_the_names_in_the_how_tos_are_those_of_the_code() -> None:
    code = "\n".join(file.read_text() for file in FILES if file.name != "test_contributing.py")
    named = set(re.findall(r"`(?:\w+\.)?(\w+)`", TEXT)) - {AN_EXAMPLE}
    assert {"RULES", "shape_of", "UdmCheck", "next_message"} <= named
    assert [name for name in named if not re.search(rf"\b{name}\b", code)] == []


def test_the_changelog_has_the_version_and_what_is_not_released() -> None:
    sections = re.findall(r"^## \[(.+?)\]", (TOP / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert sections[0] == "Unreleased"
    assert __version__ in sections
