"""ICS 309: pages that print on 80 columns, each with its head, none with a word out of place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crisiskit.export.as_ics309 import PAGE_LINES, as_ics309
from crisiskit.export.heading import Heading
from crisiskit.model import Message, Precedence, RecordKind
from crisiskit.widths import cells

Make = Callable[..., Message]


def pages(heading: Heading, *messages: Message) -> list[list[str]]:
    told = "".join(as_ics309(messages, heading))
    return [page.split("\n")[:-1] for page in told.split("\f")]


def test_a_page_has_the_parts_of_the_form(heading: Heading, text: Make) -> None:
    flash = text("Collapse at the school", precedence=Precedence.FLASH)
    (page,) = pages(replace(heading, incident="Chido", since=0), flash)
    assert page[0].startswith("COMMUNICATIONS LOG") and page[0].endswith("ICS 309")
    assert page[1] == "Incident: Chido"
    assert page[2].startswith("Operational period: from 1970-01-01 00:00 to ____")
    assert page[3] == "Net, station: Mayotte, center"
    assert page[4].startswith("Radio operator") and page[4].endswith("____")
    assert page[6].split() == ["DATE,", "TIME", "FROM", "TO", "MSG", "NO.", "SUBJECT"]
    assert page[8].split()[2:6] == ["Delta-2", "center", "7KQ2-M3XD", "FLASH"]
    assert page[-2].startswith("Prepared by: ____")
    assert page[-1] == "Page 1 of 1   Times are local, UTC+00:00."


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_every_page_has_60_lines_of_80_columns(heading: Heading, text: Make, lang: str) -> None:
    long = replace(heading, lang=lang, exercise=True, incident="橋" * 90, since=0, until=1)
    messages = [text("words " * size, author="A name of some length") for size in range(60)]
    found = pages(long, *messages)
    assert len(found) > 3
    assert {len(page) for page in found} == {PAGE_LINES}
    assert max(cells(line) for page in found for line in page) <= 80
    assert all(page[:8] == found[0][:8] for page in found)
    assert ("EXERCISE" if lang == "en" else "EXERCICE") in found[-1][0]
    assert f" {len(found)}   " in found[-1][-1]
    assert sum("7KQ2-M3XD" in line for page in found for line in page) == len(messages)


def test_an_empty_log_is_one_page_to_fill_by_hand(heading: Heading) -> None:
    (page,) = pages(heading)
    assert page[-1] == "Page 1 of 1   Times are local, UTC+00:00."
    assert len(page) == PAGE_LINES


def test_what_has_no_room_is_shown_to_be_missing(heading: Heading, text: Make) -> None:
    (page,) = pages(heading, text("word " * 1000))
    entry = [line for line in page[8:-3] if line]
    assert len(entry) == 4
    assert entry[-1].endswith("…")


@given(words=st.text(max_size=80), data=st.binary(max_size=30), kind=st.sampled_from(RecordKind))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
def test_any_message_keeps_to_its_lines(
    heading: Heading, text: Make, words: str, data: bytes, kind: RecordKind
) -> None:
    message = text(words, author=words, kind=kind, data=data)
    (page,) = pages(replace(heading, incident=words), message)
    assert len(page) == PAGE_LINES
    assert all(cells(line) <= 80 for line in page)
    assert not {"\x00", "\x1b", "\r", "\u202e"} & set("".join(page))
