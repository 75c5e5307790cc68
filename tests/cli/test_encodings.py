"""The commands, where the output's encoding has few characters: a pipe on Windows, LANG=C."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from duo_pipeline import ndjson
from duo_pipeline.cli import main
from tests.udm.test_lines import SECOPS

PROGRAM = str(Path(sys.executable).parent / "duo-pipeline")
ENCODINGS = ("cp1252", "ascii", "latin-1", "utf-8")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(encoding: str, *arguments: str, exit_code: int) -> bytes:
    """Run a command over streams of an encoding, and return what it printed."""
    done = CliRunner(charset=encoding).invoke(main, arguments)
    assert done.exit_code == exit_code, done.output
    assert not isinstance(done.exception, UnicodeError)
    return done.stdout_bytes + done.stderr_bytes


def run_program(encoding: str, *arguments: str, exit_code: int) -> bytes:
    """Run a command in a process of its own, into pipes of an encoding, and return what it printed."""
    done = subprocess.run(
        [PROGRAM, *arguments],
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
def test_check_prints_its_marks_in_any_encoding(encoding: str) -> None:
    said = run(encoding, "check", exit_code=1).decode(encoding)
    mark = "✗" if encoding == "utf-8" else "x"
    assert f"{mark} Failed: " in said
    assert "DUO_IKEY" in said


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_the_json_of_check_can_be_read(encoding: str, folder: Path) -> None:
    (folder / ".env").write_text("DAGSTER_HOME=/é😀\n")
    found = json.loads(run(encoding, "check", "--json", exit_code=1))
    assert any("/é😀" in line["sentence"] for line in found["lines"])


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_what_an_encoding_lacks_is_printed_as_its_code(encoding: str, folder: Path) -> None:
    (folder / "日本😀.ndjson").write_bytes(ndjson.line({**SECOPS, "日": "本"}) + b"no json\n")
    said = run(encoding, "udm", "--findings", "日本😀.ndjson", exit_code=1)
    assert b"\\u65e5" in said
    run(encoding, "udm", "日本", exit_code=2)
    run(encoding, "--help", exit_code=0)
    run(encoding, "feed", "--help", exit_code=0)
    run(encoding, "no-such-command-é日", exit_code=2)


def test_a_process_prints_into_pipes_what_their_encoding_lacks(folder: Path) -> None:
    (folder / "日本😀.ndjson").write_bytes(ndjson.line({**SECOPS, "日": "本"}) + b"no json\n")
    assert b"\\u65e5" in run_program("cp1252", "udm", "--findings", "日本😀.ndjson", exit_code=1)
    run_program("ascii", "no-such-command-é日", exit_code=2)


def test_a_name_that_is_not_text_is_printed_as_its_bytes() -> None:
    said = run_program("utf-8", "udm", os.fsdecode(b"\xff.json"), exit_code=2)
    assert b"\\udcff.json cannot be read" in said
