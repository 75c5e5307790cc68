"""Test of the mapping with Google's own test vectors for DUO_TELEPHONY."""

import json
from pathlib import Path

from duo_pipeline.udm import to_udm


def test_googles_lines_become_googles_events(google_vectors: Path) -> None:
    raw = json.loads((google_vectors / "google_raw_logs.json").read_text())["raw_logs"]["entries"]
    expected = json.loads((google_vectors / "google_expected_events.json").read_text())["events"]
    events = [to_udm(json.loads(entry["data"])) for entry in raw]
    assert events == [event["event"]["idm"]["readOnlyUdm"] for event in expected]
    assert len(events) == 5
