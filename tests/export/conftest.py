"""Messages to be exported, and a heading; the French catalog freshly compiled."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from crisiskit import i18n
from crisiskit.compose import compose_form
from crisiskit.export.heading import Heading
from crisiskit.model import ClockQuality, Message, Precedence, RecordKind, State

MINUTE = 29_000_000  # 2025-02-20 21:20 UTC
PO = Path(i18n.__file__).parent / "locale" / "fr" / "LC_MESSAGES" / "crisiskit.po"


@pytest.fixture(autouse=True)
def english_in_utc(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    place = tmp_path_factory.mktemp("locale")
    compiled = io.BytesIO()
    with PO.open("rb") as source:
        write_mo(compiled, read_po(source, locale="fr"))
    messages = place / "fr" / "LC_MESSAGES"
    messages.mkdir(parents=True)
    (messages / "crisiskit.mo").write_bytes(compiled.getvalue())
    monkeypatch.setattr(i18n, "LOCALES", place)
    monkeypatch.setattr(i18n, "_chosen", "en")
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    i18n._catalog.cache_clear()
    yield
    i18n._catalog.cache_clear()
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def heading() -> Heading:
    return Heading(station="center", network="Mayotte", made_at=MINUTE * 60_000)


@pytest.fixture
def text() -> Callable[..., Message]:
    """A text message that came in."""

    def text(words: str, author: str = "Delta-2", **changes: object) -> Message:
        known: dict[str, object] = {
            "ref": 1,
            "id": "7KQ2-M3XD",
            "number": 1,
            "box": "in",
            "author": author,
            "to": "center",
            "kind": RecordKind.TEXT,
            "precedence": Precedence.ROUTINE,
            "text": words,
            "data": b"",
            "form": "",
            "written_at": MINUTE * 60_000,
            "clock": ClockQuality.CENTER,
            "received_at": MINUTE * 60_000 + 61_500,
            "state": State.HELD,
            "state_at": MINUTE * 60_000 + 61_500,
            "link": "sat",
            "frame_bytes": 48,
            "credits": 1,
        }
        return Message(**{**known, **changes})  # type: ignore[arg-type]

    return text


@pytest.fixture
def form(text: Callable[..., Message]) -> Callable[..., Message]:
    """A filled form that came in."""

    def form(name: str, **answers: str) -> Message:
        data, words = compose_form(name, answers, MINUTE)
        return text(words, kind=RecordKind.FORM, data=data, form=str(data[0]))

    return form
