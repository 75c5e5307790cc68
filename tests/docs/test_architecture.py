"""docs/architecture.md, held against the project."""

import re
from datetime import UTC, datetime
from pathlib import Path

from duo_pipeline.landing import keys
from tests.docs.conftest import TOP

TEXT = (TOP / "docs" / "architecture.md").read_text()
PACKAGE = TOP / "duo_pipeline"
MAP = TEXT.split("    duo_pipeline/\n")[1].split("\n\n")[0].splitlines()
ROOMS = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}


def places() -> list[Path]:
    found = []
    for line in MAP:
        inside = line.startswith("      ")
        names = line.strip().split("  ")[0]
        found += [(PACKAGE if inside else TOP) / name.strip() for name in names.split(",")]
    return found


def arrows() -> set[tuple[str, str]]:
    lines = re.findall(r"^    (\w+) --> ([\w &]+)$", TEXT, re.MULTILINE)
    return {(room, other) for room, others in lines for other in others.split(" & ")}


def imports(room: str) -> set[str]:
    text = "\n".join(file.read_text() for file in (PACKAGE / room).rglob("*.py"))
    of_rooms = re.findall(r"^\s*(?:from|import) duo_pipeline\.(\w+)", text, re.MULTILINE)
    of_package = re.findall(r"^\s*from duo_pipeline import (.*)$", text, re.MULTILINE)
    return {*of_rooms, *re.findall(r"\w+", " ".join(of_package))} & ROOMS - {room}


def test_every_place_on_the_map_exists() -> None:
    found = places()
    assert len(found) > len(MAP)
    assert [place for place in found if not place.exists()] == []


def test_every_room_and_every_module_of_the_package_is_on_the_map() -> None:
    assert {place.name for place in places()} >= ROOMS
    modules = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
    assert {place.stem for place in places()} >= modules


def test_every_file_that_is_named_exists() -> None:
    named = set(re.findall(r"[`\"]([a-z_]+/[a-z_/]+\.py)", TEXT))
    assert len(named) > 10
    assert [name for name in named if not (PACKAGE / name).exists()] == []


def test_a_room_imports_only_rooms_to_which_an_arrow_leads() -> None:
    assert {(room, other) for room in ROOMS for other in imports(room)} <= arrows()


def test_the_arrows_name_rooms_and_no_two_rooms_need_each_other() -> None:
    assert {name for arrow in arrows() for name in arrow} <= ROOMS
    seen = arrows()
    while more := {(a, c) for a, b in seen for b_, c in seen if b == b_} - seen:
        seen |= more
    assert [room for room in ROOMS if (room, room) in seen] == []


def test_the_names_in_s3_are_those_that_are_written() -> None:
    hour = datetime(2026, 11, 23, 5, tzinfo=UTC)
    below = "work/"
    written = [
        keys.log_key("", hour, "0" * 64).replace("0" * 16, "<hash>"),
        *(
            re.sub("/.*", "/", key.removeprefix(below))
            for key in (
                keys.journal_prefix(below, "feed/"),
                keys.adopted_prefix(below, "feed/"),
                keys.rejects_key(below, hour, "0"),
                keys.udm_prefix(below),
                keys.receipts_prefix(below),
                keys.usage_prefix(below),
            )
        ),
        keys.owner_key(""),
        keys.probe_key(""),
    ]
    assert re.findall(r"^\|.*?\| `([^`]+)` \|", TEXT, re.MULTILINE) == written
