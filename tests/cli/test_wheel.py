"""The wheel, installed on a machine without a checkout."""

import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.text import Text

TOP = Path(__file__).parents[2]
BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"


def run(command: Sequence[str | Path], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the wheel, and with the packages of the tests' environment."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    shutil.copytree(TOP / "duo_pipeline", source / "duo_pipeline")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(TOP / name, source)
    run([sys.executable, "-c", BUILD, folder], source)
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "environment", with_pip=True)
    programs = folder / "environment" / "bin"
    run([programs / "pip", "install", "--quiet", "--no-index", "--no-deps", wheel], folder)
    (packages,) = (folder / "environment").glob("lib/python*/site-packages")
    # Python reads no .pth file there: the checkout that one of them may name stays unknown.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    (programs / "weed").symlink_to(Path(sys.executable).with_name("weed"))
    shutil.rmtree(source)
    return programs


def demo(programs: Path, folder: Path) -> str:
    return Text.from_ansi(run([programs / "duo-pipeline", "demo", "--folder", "sandbox"], folder)).plain


def hours(output: str) -> str:
    found = re.search(r"Running the job 'telephony' for (.*?) UTC", output)
    assert found is not None
    return found[1]


def log_objects(folder: Path) -> set[str]:
    feed = folder / "sandbox" / "bucket" / "duo-telephony"
    return {path.name for path in feed.rglob("*") if path.is_file()}


def test_the_demo_lands_what_duo_shows_and_a_second_run_lands_nothing_new(
    programs: Path, tmp_path: Path
) -> None:
    where = run([programs / "python", "-c", "import duo_pipeline; print(duo_pipeline.__file__)"], tmp_path)
    assert Path(where).is_relative_to(programs.parent)
    first = demo(programs, tmp_path)
    objects = log_objects(tmp_path)
    assert re.search(r"✓ Each of the [\d,]+ records that Duo shows is in the feed, once\.", first)
    assert re.search(r"hours\s+│ 24", first)
    assert re.search(r"requests to Duo\s+│ [12]\b", first)
    assert '"eventType": "USER_UNCATEGORIZED"' in first
    assert f"in Dagster's UI: {programs / 'duo-pipeline'} ui" in first
    assert objects
    assert all(re.fullmatch(r"telephony-\d{8}T\d\dZ-[0-9a-f]{16}\.ndjson", name) for name in objects)
    second = demo(programs, tmp_path)
    assert "✓ Each of the" in second
    if hours(first) == hours(second):  # not when the hour turned in between
        assert second.count("(0 new)") == 2
    assert objects <= log_objects(tmp_path)
    assert not re.search(r"\+\d{8,}", first + second), "a phone number was printed"


def test_type_checkers_are_told_that_it_has_types(programs: Path) -> None:
    assert len(list(programs.parent.glob("lib/python*/site-packages/duo_pipeline/py.typed"))) == 1


def test_without_the_sandbox_extra_the_commands_that_need_it_say_so(programs: Path, tmp_path: Path) -> None:
    code = "import sys; sys.modules['starlette'] = None; from duo_pipeline.cli import main; main()"
    for command in ("demo", "ui", "sandbox"):
        done = subprocess.run(
            [programs / "python", "-c", code, command],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 1
        assert done.stderr.startswith("Error: Packages are missing: starlette"), done.stderr
        assert "pip install 'duo-pipeline[sandbox]'" in done.stderr


def test_a_checkout_that_is_not_installed_says_so(tmp_path: Path) -> None:
    shutil.copytree(TOP / "duo_pipeline", tmp_path / "duo_pipeline")
    done = subprocess.run(
        [sys.executable, "-S", "-m", "duo_pipeline.cli"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "duo_pipeline is not installed: run `make install`" in done.stderr
