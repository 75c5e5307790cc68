from duo_pipeline.masking import mask_phone, mask_phones


def test_a_masked_number_keeps_its_ends_alone() -> None:
    assert mask_phone("+13125550123") == "+1••••••••23"


def test_a_short_number_keeps_nothing() -> None:
    assert mask_phone("5550123") == "•••••••"


def test_numbers_in_free_text_are_masked_however_they_are_written() -> None:
    masked = mask_phones("call +1 (312) 555-0123 or 00442079460123, code 40301")
    assert "555" not in masked
    assert "7946" not in masked
    assert "40301" in masked
