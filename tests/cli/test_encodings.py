"""The commands, where the output's encoding has few characters: a pipe on Windows, LANG=C."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from duo_pipeline import ndjson
from tests.udm.test_lines import SECOPS

PROGRAM = str(Path(sys.executable).parent / "duo-pipeline")
ENCODINGS = ("cp1252", "ascii", "latin-1", "utf-8")


def run(encoding: str, *arguments: str, folder: Path, exit_code: int) -> bytes:
    """Run a command into a pipe, and return what it printed."""
    done = subprocess.run(
        [PROGRAM, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONIOENCODING": encoding},
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == exit_code, done.stderr.decode()
    assert b"Traceback" not in done.stderr
    assert b"Encode" not in done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_check_prints_its_marks_in_any_encoding(encoding: str, tmp_path: Path) -> None:
    said = run(encoding, "check", folder=tmp_path, exit_code=1).decode(encoding)
    mark = "✗" if encoding == "utf-8" else "x"
    assert f"{mark} Failed: " in said
    assert "DUO_IKEY" in said


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_the_json_of_check_can_be_read(encoding: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DAGSTER_HOME=/é😀\n")
    found = json.loads(run(encoding, "check", "--json", folder=tmp_path, exit_code=1))
    assert any("/é😀" in line["sentence"] for line in found["lines"])


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_what_an_encoding_lacks_is_printed_as_its_code(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "日本😀.ndjson").write_bytes(ndjson.line({**SECOPS, "日": "本"}) + b"no json\n")
    said = run(encoding, "udm", "--findings", "日本😀.ndjson", folder=tmp_path, exit_code=1)
    assert b"\\u65e5" in said
    run(encoding, "udm", "日本", folder=tmp_path, exit_code=2)
    run(encoding, "--help", folder=tmp_path, exit_code=0)
    run(encoding, "feed", "--help", folder=tmp_path, exit_code=0)
    run(encoding, "no-such-command-é日", folder=tmp_path, exit_code=2)


def test_a_name_that_is_not_text_is_printed_as_its_bytes(tmp_path: Path) -> None:
    said = run("utf-8", "udm", os.fsdecode(b"\xff.json"), folder=tmp_path, exit_code=2)
    assert b"\\udcff.json cannot be read" in said
