"""What the README says, held against the project."""

import re
from pathlib import Path

from duo_pipeline.cli import main
from duo_pipeline.config.accounts_file import FILE

TOP = Path(__file__).parents[1]
README = (TOP / "README.md").read_text()


def test_every_make_target_and_command_of_the_readme_exists() -> None:
    makefile = (TOP / "Makefile").read_text()
    for target in set(re.findall(r"make ([a-z-]+)", README)) - {"the"}:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    line = re.search(r"cli/ +duo-pipeline (.*)", README)
    assert line is not None
    assert set(line[1].split(", ")) == set(main.commands)


def test_every_setting_that_is_read_is_in_the_readme_and_the_other_way_round() -> None:
    read = {
        FILE,
        *re.findall(
            r'reader\.read\("([A-Z0-9_]+)"', (TOP / "duo_pipeline" / "config" / "settings.py").read_text()
        ),
    }
    table = {
        name
        for row in re.findall(r"^\| (`[A-Z].*?) \|", README, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", row)
    }
    assert table == read


def test_every_place_on_the_map_exists() -> None:
    block = README.split("    duo_pipeline/\n")[1].split("\n\n")[0]
    for line in block.splitlines():
        name = line.split("  ")[3 if line.startswith("      ") else 2]
        for place in name.split(", "):
            base = TOP / "duo_pipeline" if line.startswith("      ") else TOP
            assert (base / place.strip()).exists(), place


def test_the_names_in_the_example_of_the_environment_are_settings() -> None:
    names = set(re.findall(r"^([A-Z0-9_]+)=", (TOP / ".env.example").read_text(), re.MULTILINE))
    assert all(f"`{name}`" in README or name.startswith("AWS_") for name in names)
