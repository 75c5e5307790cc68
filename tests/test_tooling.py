"""The Makefile, the checks before a commit, and the workflow that runs them for others."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

TOP = Path(__file__).parents[1]
PROGRAMS = Path(sys.executable).parent
PROJECT = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]
MAKEFILE = (TOP / "Makefile").read_text()
WORKFLOW = TOP / ".github" / "workflows" / "ci.yml"


def run(*command: str | Path, folder: Path = TOP) -> str:
    by_itself = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(
        command, cwd=folder, env=by_itself, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def job() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(WORKFLOW.read_text())["jobs"]["ci"]
    return found


def test_make_help_has_a_line_for_each_target() -> None:
    phony = re.search(r"^\.PHONY: (.*)", MAKEFILE, re.MULTILINE)
    assert phony is not None
    lines = [line.split(maxsplit=1) for line in run("make", "help").splitlines()]
    assert {target for target, _ in lines} == set(phony[1].split())


def test_the_folders_of_the_fast_tests_exist() -> None:
    commands = run("make", "--dry-run", "--old-file=.venv/installed", "fast")
    folders = re.findall(r"\btests/\S+", commands)
    assert folders
    assert all((TOP / folder).is_dir() for folder in folders)


def test_the_oldest_dagster_that_is_tested_is_the_oldest_that_the_project_allows(tmp_path: Path) -> None:
    for name in ("Makefile", "constraints.txt"):
        shutil.copy(TOP / name, tmp_path)
    run("make", "build/oldest.txt", "build/newest.txt", folder=tmp_path)
    pins = set((tmp_path / "build" / "oldest.txt").read_text().splitlines())
    bounds = [re.match(r"(dagster[a-z-]*)>=([0-9.]+),<", one) for one in PROJECT["dependencies"]]
    oldest = [f"{bound[1]}=={bound[2]}" for bound in bounds if bound]
    assert oldest
    assert pins >= set(oldest)
    assert "dagster" not in (tmp_path / "build" / "newest.txt").read_text()


@pytest.mark.parametrize("schema", ["vendor.github-workflows", "custom.github-workflows-require-timeout"])
def test_the_workflow_is_one_by_githubs_schema(schema: str) -> None:
    run(PROGRAMS / "check-jsonschema", "--builtin-schema", schema, WORKFLOW)


def test_the_workflow_runs_what_main_must_pass_on_each_python_that_the_project_names() -> None:
    named = [re.fullmatch(r"Programming Language :: Python :: (.*)", one) for one in PROJECT["classifiers"]]
    assert job()["strategy"]["matrix"]["python"] == [one[1] for one in named if one]
    (command,) = (step["run"] for step in job()["steps"] if "run" in step)
    assert (TOP / command).stat().st_mode & 0o100


def test_each_hook_before_a_commit_is_a_program_of_the_environment() -> None:
    (repo,) = yaml.safe_load((TOP / ".pre-commit-config.yaml").read_text())["repos"]
    assert repo["repo"] == "local"
    for hook in repo["hooks"]:
        folder, program = hook["entry"].split()[0].rsplit("/", 1)
        assert folder == ".venv/bin"
        assert (PROGRAMS / program).exists()
        assert hook["language"] == "system"
