"""Texts are decoded at once here, whatever their codec; what comes later has tests of its own."""

from __future__ import annotations

import pytest

from crisiskit.codec import content
from crisiskit.codec.shortest import ALL_CODECS


@pytest.fixture(autouse=True)
def quick_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "_QUICK_CODECS", ALL_CODECS)
