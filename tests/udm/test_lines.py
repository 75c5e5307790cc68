from typing import Any

from duo_pipeline import ndjson
from duo_pipeline.udm.findings import Findings
from duo_pipeline.udm.lines import event_lines


def test_each_line_becomes_an_event_or_a_finding_and_none_is_lost() -> None:
    lines = [b'{"host": "h"}', b"no json", b"[1]", b"", b"[" * 100_000, b"\xff", b"{}"]
    findings = Findings()
    placed = ((f"o:{number}", ndjson.record(line)) for number, line in enumerate(lines, 1))
    events = list(event_lines(placed, findings))
    assert len(events) == 2
    table = findings.table().set_index("finding")
    malformed = table.filter(like="not one JSON object", axis=0).iloc[0]
    assert (malformed["lines"], malformed["first_place"]) == (5, "o:2")


def test_what_secops_will_not_show_is_counted_with_its_first_place() -> None:
    findings = Findings()
    lines: list[tuple[str, dict[str, Any]]] = [
        ("o:1", {"host": "h", "timestamp": 1}),
        ("o:2", {"credits": 2, "ts": "x"}),
    ]
    assert len(list(event_lines(lines, findings))) == 2
    table = findings.table()
    assert findings.total == 3
    assert set(table["first_place"]) == {"o:2"}
    assert findings.events_by_type == {"STATUS_UPDATE": 1, "GENERIC_EVENT": 1}
