"""Phone numbers made unreadable, for all that leaves S3: Dagster's database, logs, error texts."""

import re

_DIGIT_RUN = re.compile(r"\+?\d[\d\s().-]{4,}\d")


def mask_phone(text: str) -> str:
    """Keep the first two and the last two characters of a phone number: ``+1••••••••67``."""
    if len(text) < 8:
        return "•" * len(text)
    return f"{text[:2]}{'•' * (len(text) - 4)}{text[-2:]}"


def mask_phones(text: str) -> str:
    """Mask in free text whatever may be a phone number: each run of six or more digits."""
    return _DIGIT_RUN.sub(lambda run: mask_phone(run[0]), text)
