"""The text model is for lines on which its bytes are worth its time."""

from __future__ import annotations

import pytest

from crisiskit.codec.shortest import ALL_CODECS, QUICK_CODECS
from crisiskit.sync.coding import FEW_TEXTS, codecs_for
from transports.link import Traits

MANY = FEW_TEXTS + 1


@pytest.mark.parametrize(
    ("traits", "waiting", "codecs"),
    [
        (Traits(1152, rate_bytes_s=11_520), MANY, QUICK_CODECS),
        (Traits(1152, rate_bytes_s=11_520), FEW_TEXTS, ALL_CODECS),
        (Traits(360, rate_bytes_s=960), MANY, ALL_CODECS),
        (Traits(1152, rate_bytes_s=11_520, price_byte_micros=1), MANY, ALL_CODECS),
        (Traits(340, rate_bytes_s=11_520, credit_bytes=50), MANY, ALL_CODECS),
    ],
    ids=["wide", "few", "slow", "each byte costs", "credits"],
)
def test_quick_where_the_line_is_faster_than_the_model(
    traits: Traits, waiting: int, codecs: frozenset[int]
) -> None:
    assert codecs_for(traits, waiting) == codecs
