"""The mark for texts that are translated later, apart from the catalogs that translate them."""

from __future__ import annotations


def N_(message: str) -> str:  # noqa: N802 - the name the extractor knows
    """Mark a message for the catalog; it is translated where it is shown."""
    return message
