"""What the README says, held against the project."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from duo_pipeline.cli import main

TOP = Path(__file__).parents[1]
README = (TOP / "README.md").read_text()
TABLE = {
    name
    for row in re.findall(r"^\| (`[A-Z].*?) \|", README, re.MULTILINE)
    for name in re.findall(r"`(\w+)`", row)
}


def test_every_make_target_and_command_of_the_readme_exists() -> None:
    makefile = (TOP / "Makefile").read_text()
    for target in set(re.findall(r"make ([a-z-]+)", README)) - {"the"}:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    line = re.search(r"`duo-pipeline COMMAND --help` explains each: (.*)\.", README)
    assert line is not None
    assert re.findall(r"`(\w+)`", line[1]) == sorted(main.commands)


def test_every_setting_that_is_read_is_in_the_readme_and_the_other_way_round() -> None:
    named = re.compile(r'"((?:DUO|S3|SECOPS|ALERT|DAGSTER)_[A-Z0-9_]+)"')
    config = (TOP / "duo_pipeline" / "config").glob("*.py")
    read = {name for file in config for name in named.findall(file.read_text())} - {"DUO_SENT"}
    assert read == TABLE - {"REQUESTS_CA_BUNDLE"}


def test_every_page_that_the_readme_links_to_exists() -> None:
    linked = set(re.findall(r"\]\(([\w./-]+)\)", README))
    assert linked >= {f"docs/{page.name}" for page in (TOP / "docs").glob("*.md")}
    assert [page for page in linked if not (TOP / page).exists()] == []


def test_the_names_in_the_example_of_the_environment_are_settings() -> None:
    names = set(re.findall(r"^([A-Z0-9_]+)=", (TOP / ".env.example").read_text(), re.MULTILINE))
    assert names >= {"DUO_IKEY", "DUO_SKEY", "DUO_API_HOST", "S3_BUCKET"}
    assert {name for name in names if not name.startswith("AWS_")} <= TABLE


@pytest.mark.parametrize(
    ("page", "example"),
    [("README.md", ".env.example"), ("docs/production.md", "deploy/compose/.env.example")],
)
def test_only_its_owner_can_read_the_environment_that_the_documents_make(
    page: str, example: str, tmp_path: Path
) -> None:
    (command,) = re.findall(r"^ *(\w[^\n]* \.env\.example \.env)\b", (TOP / page).read_text(), re.MULTILINE)
    shutil.copy(TOP / example, tmp_path)
    subprocess.run(["sh", "-c", f"umask 022; {command}"], cwd=tmp_path, check=True)
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / ".env").read_text() == (TOP / example).read_text()
