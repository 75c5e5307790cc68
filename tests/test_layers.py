"""What may import what: each contract of import-linter is red where a module breaks it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]
PACKAGE = TOP / "duo_pipeline"
INWARDS = "Each package uses only what lies further in"
DAGSTER = "Only the outer ring knows Dagster"
ALONE = "The sandbox, and what dagster.yaml names, use nothing of the pipeline"
BROKEN = {
    "a leaf that uses a room": ("records", "from duo_pipeline.duo import host", INWARDS),
    "a room that uses another one": ("udm/mapping", "from duo_pipeline.landing import keys", INWARDS),
    "a room that reads settings": ("secops/feed", "from duo_pipeline.config import settings", INWARDS),
    "settings that use the outer ring": ("config/settings", "from duo_pipeline.defs import tags", INWARDS),
    "adoption that reads settings": ("adoption/copies", "from duo_pipeline.config import settings", INWARDS),
    "the outer ring that uses the command line": ("defs/tags", "from duo_pipeline import cli", INWARDS),
    "a check that uses the assembly": ("preflight/lines", "from duo_pipeline import definitions", INWARDS),
    "a module without a place": ("nowhere", "", INWARDS),
    "a leaf that knows Dagster": ("ndjson", "import dagster", DAGSTER),
    "a room that knows Dagster": ("landing/bucket", "from dagster_aws.s3 import S3Resource", DAGSTER),
    "settings that know Dagster": ("config/account", "import dagster", DAGSTER),
    "an emulated Duo that uses the client's code": (
        "sandbox/signatures",
        "from duo_pipeline.duo import signature",
        ALONE,
    ),
    "an instance that uses the code location": (
        "instance/postgres",
        "from duo_pipeline.defs import tags",
        ALONE,
    ),
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copy(TOP / "pyproject.toml", tmp_path)
    shutil.copytree(PACKAGE, tmp_path / "duo_pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def broken_contracts(project: Path) -> tuple[int, list[str]]:
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache", "--no-logo"],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, re.findall(r"^(.*) BROKEN$", done.stdout, re.MULTILINE)


def test_the_package_keeps_every_contract(project: Path) -> None:
    assert broken_contracts(project) == (0, [])


@pytest.mark.parametrize(("module", "bad_import", "contract"), BROKEN.values(), ids=BROKEN.keys())
def test_a_bad_import_breaks_its_contract(project: Path, module: str, bad_import: str, contract: str) -> None:
    with (project / "duo_pipeline" / f"{module}.py").open("a") as file:
        file.write(f"\n{bad_import}\n")
    code, broken = broken_contracts(project)
    assert code == 1
    assert contract in broken


def test_make_check_looks_at_the_contracts() -> None:
    shown = subprocess.run(
        ["make", "--dry-run", "--old-file=.venv/installed", "check"],
        cwd=TOP,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "lint-imports" in shown.stdout


def test_private_parts_of_dagster_are_used_only_where_they_are_explained() -> None:
    """import-linter sees an external package only as a whole."""
    private = re.compile(r"^\s*(?:from|import) dagster[\w.]*(?:\.| import \(?\s*)_|\bdg\._", re.MULTILINE)
    users = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if private.search(path.read_text())
    }
    assert users == {"defs/internals.py", "instance/celery_launcher.py", "instance/postgres.py"}
