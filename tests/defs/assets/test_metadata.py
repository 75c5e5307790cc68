"""The metadata of an hour's events, and its table of findings."""

from duo_pipeline.defs.assets.telephony_udm import udm_metadata
from tests.udm.test_lines import SECOPS, findings_of


def test_the_table_of_findings_has_a_row_for_each_with_its_first_place() -> None:
    phone = "+12125550177"
    findings = findings_of(SECOPS, {**SECOPS, "telephony_id": phone, f"a|{phone}": 1})
    table = udm_metadata(findings, events=None, found=None)["findings_table"].value
    assert table == (
        "|finding|severity|lines|first place|telephony_id|\n"
        "|---|---|---|---|---|\n"
        "|unknown key: '••••'|warning|1|o:2|••••|"
    )


def test_without_findings_there_is_no_table() -> None:
    assert udm_metadata(findings_of(SECOPS), events=None, found=None)["findings_table"].value == "none"
