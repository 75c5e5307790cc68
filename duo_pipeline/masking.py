"""Mask phone numbers in everything that leaves S3: Dagster's database, logs, error texts."""

import re

_DIGIT_RUN = re.compile(r"\+?\d[\d\s().-]{4,}\d")


def mask_phone(text: str) -> str:
    """Return a phone number with only its first two and last two characters: ``+1••••••••67``."""
    if len(text) < 8:
        return "•" * len(text)
    return f"{text[:2]}{'•' * (len(text) - 4)}{text[-2:]}"


def mask_phones(text: str) -> str:
    """Return free text in which everything that may be a phone number (six or more digits) is masked."""
    return _DIGIT_RUN.sub(lambda run: mask_phone(run[0]), text)
