"""docs/scale.md: what it says of the project's own settings."""

import re

from duo_pipeline.cli import main
from duo_pipeline.instance.postgres import MOST_CONNECTIONS
from tests.deploy.test_compose import COMPOSE
from tests.docs.conftest import TOP

TEXT = (TOP / "docs" / "scale.md").read_text()


def test_its_commands_exist_and_prune_as_it_says() -> None:
    targets = re.findall(r"`make ([a-z-]+)`", TEXT)
    assert targets
    for target in targets:
        assert re.search(rf"^{target}:", (TOP / "Makefile").read_text(), re.MULTILINE)
    days = {option.name: option.default for option in main.commands["prune"].params}
    assert f"Runs older than {days['days']} days" in TEXT


def test_the_numbers_of_the_settings_are_theirs() -> None:
    assert f"has up to {MOST_CONNECTIONS} while it works" in TEXT
    settings = (COMPOSE / "dagster.yaml").read_text()
    (threads,) = set(re.findall(r"num_workers: (\d+)", settings))
    assert {"8": "eight"}[threads] in TEXT
