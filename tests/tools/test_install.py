"""tools/install.py: uv, told what pip is told, and pip where uv fails."""

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / "tools" / "install.py"
UV = """#!{python}
import json, os, sys
json.dump([sys.argv[1:], dict(os.environ)], open({seen!r}, "w"))
sys.exit({code})
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with a pip that has its own answers."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    return folder


def install(
    environment: Path, folder: Path, code: int, **variables: str
) -> tuple[subprocess.CompletedProcess[str], list[str], dict[str, str]]:
    """Install with a stand-in for uv on the PATH; return what came of it, and what uv was given."""
    seen = folder / "seen"
    uv = folder / "uv"
    uv.write_text(UV.format(python=sys.executable, seen=str(seen), code=code))
    uv.chmod(0o700)
    (folder / "constraints.txt").touch()
    environ = {"PATH": f"{folder}:{os.environ['PATH']}", "HOME": str(folder), "PIP_CONFIG_FILE": os.devnull}
    done = subprocess.run(
        [sys.executable, PROGRAM, environment, "constraints.txt", "dev"],
        cwd=folder,
        env={**environ, **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    arguments, given = json.loads(seen.read_text())
    return done, arguments, given


def test_uv_installs_into_the_environment_by_the_constraints(environment: Path, tmp_path: Path) -> None:
    done, arguments, _ = install(environment, tmp_path, 0)
    assert (done.returncode, done.stderr) == (0, "")
    assert arguments[:4] == ["pip", "install", "--python", str(environment / "bin" / "python")]
    assert arguments[5:] == ["--constraint", "constraints.txt", "--editable", ".[dev]"]


def test_uv_asks_the_indexes_that_pips_file_names_and_trusts_its_certificates(
    environment: Path, tmp_path: Path
) -> None:
    (tmp_path / "pip.conf").write_text(
        "[global]\nindex-url = https://a.example/simple\ncert = /certs.pem\n"
        "extra-index-url =\n    https://b.example/simple\n    file:///c/simple\n"
        "[install]\nindex-url = https://d.example/simple\nfind-links = /e /f\n"
    )
    _, _, given = install(environment, tmp_path, 0, PIP_CONFIG_FILE=str(tmp_path / "pip.conf"))
    assert given["UV_INDEX_URL"] == "https://d.example/simple"
    assert given["UV_EXTRA_INDEX_URL"] == "https://b.example/simple file:///c/simple"
    assert given["UV_INDEX_STRATEGY"] == "unsafe-best-match"
    assert given["UV_FIND_LINKS"] == "/e,/f"
    assert given["SSL_CERT_FILE"] == "/certs.pem"


def test_pips_variables_overrule_its_file_and_uvs_own_overrule_both(
    environment: Path, tmp_path: Path
) -> None:
    (tmp_path / "pip.conf").write_text(
        "[global]\nindex-url = https://a.example/simple\n[install]\ncert = /a.pem\n"
    )
    _, _, given = install(
        environment,
        tmp_path,
        0,
        PIP_CONFIG_FILE=str(tmp_path / "pip.conf"),
        PIP_INDEX_URL="https://b.example/simple",
        PIP_CERT="/b.pem",
        UV_INDEX_URL="https://c.example/simple",
    )
    assert given["UV_INDEX_URL"] == "https://c.example/simple"
    assert given["SSL_CERT_FILE"] == "/b.pem"


def test_where_uv_fails_pip_is_tried_and_a_sentence_says_so(environment: Path, tmp_path: Path) -> None:
    done, _, _ = install(environment, tmp_path, 1, PIP_NO_INDEX="1")
    assert "pip installs instead" in done.stderr
    assert "does not appear to be a Python project" in done.stderr, "pip's own words"
    assert done.returncode == 1
