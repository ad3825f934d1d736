"""CSV: a spreadsheet shows every message as a row, and runs none of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crisiskit.export.as_csv import BOM, COLUMNS, COMMA, SEMICOLON, as_csv
from crisiskit.export.heading import Heading
from crisiskit.jsonform import message_json
from crisiskit.model import Message, RecordKind

Make = Callable[..., Message]
SIGNS = tuple("=+-@＝＋－＠")  # noqa: RUF001 - full width is meant


def rows(text: str, separator: str = COMMA) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=separator, strict=True))


def formula(cell: str) -> bool:
    return cell.lstrip().startswith(SIGNS)


def exported(heading: Heading, messages: Iterable[Message], separator: str = COMMA) -> str:
    return "".join(as_csv(messages, heading, separator))


def test_columns_are_those_of_the_message_as_json(heading: Heading, text: Make) -> None:
    message = text("Bridge open")
    (row,) = rows(exported(heading, [message]))
    told = message_json(message)
    assert list(row) == list(COLUMNS) == list(told)
    assert (row["text"], row["author"], row["bytes"]) == ("Bridge open", "Delta-2", "48")
    assert row["received_at"] == told["received_at"]
    assert (row["fields"], row["signed"]) == ("", "false")


@pytest.mark.parametrize(("lang", "line"), [("en", "Road: closed"), ("fr", "Route : coupée")])
def test_a_form_is_told_in_words(heading: Heading, form: Make, lang: str, line: str) -> None:
    message = form("sitrep", place="Sada", road="closed")
    (row,) = rows(exported(replace(heading, lang=lang), [message]))
    assert row["kind"] == "sitrep"
    assert row["fields"].replace("\u00a0", " ").split("\n")[-1] == line


def test_rows_end_as_the_standard_says(heading: Heading, text: Make) -> None:
    told = exported(heading, [text('He said "go"'), text("two\nlines, one message")])
    assert told.count("\r\n") == 3
    assert [row["text"] for row in rows(told)] == ['He said "go"', "two\nlines, one message"]


def test_excel_gets_its_mark_only_when_asked(heading: Heading) -> None:
    assert next(as_csv([], heading, bom=True)).startswith(BOM)
    assert not next(as_csv([], heading)).startswith(BOM)


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("=1+1", "'=1+1"),
        ("\t=1+1", "'=1+1"),
        ("-12.78 45.22", "'-12.78 45.22"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\u200b=1", "'=1"),
        ("＝1", "'＝1"),  # noqa: RUF001 - full width is meant
        ("water;=1+1", "water;'=1+1"),
        ("water\n=1+1", "water\n'=1+1"),
        ("water, -2 m, a=b", "water, -2 m, a=b"),
    ],
)
def test_a_formula_stays_words(heading: Heading, text: Make, words: str, shown: str) -> None:
    assert rows(exported(heading, [text(words)]))[0]["text"] == shown


@given(words=st.text("=+-@;,\n\t\r\"'a \u200b\u202e＝", max_size=12), semicolon=st.booleans())  # noqa: RUF001
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
def test_no_cell_begins_as_a_formula_however_the_file_is_split(
    heading: Heading, text: Make, words: str, semicolon: bool
) -> None:
    separator, other = (SEMICOLON, COMMA) if semicolon else (COMMA, SEMICOLON)
    told = exported(heading, [text(words, author=words)], separator)
    assert len(rows(told, separator)) == 1
    cells = [cell for line in told.split("\n") for cell in line.split(other)]
    assert not [cell for row in rows(told, separator) for cell in row.values() if formula(cell)]
    assert not [cell for cell in cells if cell.lstrip(' \r\t"').startswith(SIGNS)]


@given(
    words=st.text(max_size=60),
    data=st.binary(max_size=30),
    kind=st.sampled_from(RecordKind),
    number=st.integers(-(2**70), 2**70),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
def test_any_message_is_one_row(
    heading: Heading, text: Make, words: str, data: bytes, kind: RecordKind, number: int
) -> None:
    message = text(words, author=words, kind=kind, data=data, written_at=number)
    told = exported(heading, [message, message])
    told.encode()
    assert len(rows(told)) == 2
    assert not {"\x00", "\x1b", "\u202e"} & set(told)
