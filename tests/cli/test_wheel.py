"""The wheel, installed on a machine without a checkout."""

import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Sequence
from pathlib import Path

import pytest

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


def test_the_demo_runs_from_it(programs: Path, tmp_path: Path) -> None:
    where = run([programs / "python", "-c", "import duo_pipeline; print(duo_pipeline.__file__)"], tmp_path)
    assert Path(where).is_relative_to(programs.parent)
    output = run([programs / "duo-pipeline", "demo"], tmp_path)
    assert "records that Duo shows is in the feed, once." in output
    assert f"in Dagster's UI: {programs / 'duo-pipeline'} ui" in output


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
