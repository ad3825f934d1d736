"""The text model: short, exact, the same bytes everywhere, and bounded against hostile streams."""

from __future__ import annotations

import hashlib
import time
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from crisiskit.codec import textmodel
from crisiskit.codec.reject import MalformedError, Reject
from crisiskit.codec.shortest import Codec, TextsMeter, decode_texts, encode_texts
from crisiskit.codec.textmodel import SYMBOLS_MAX, Meter, alphabet, stream, table
from crisiskit.codec.textmodel.coder import Reader, Writer

FEW = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
FIELD = (
    "Route coupée à Sada, éboulement. Besoin de 40 bâches et d'eau potable.",
    "14:30 medical team arrived at the school, 3 patients, one urgent.",
    "Nou bezwen dlo ak manje nan Jakmèl, tanpri ede nou.",
)
# Nobody can tell these apart from a stream by their looks; about one in thousands is one.
GARBAGE_BYTES = 60

letters = st.characters(codec="utf-8", exclude_characters="\0")
texts = st.lists(st.text(letters, max_size=40), min_size=1, max_size=4)


def coded(some: list[str] | tuple[str, ...]) -> bytes:
    out = textmodel.encode(some)
    assert out is not None
    return out


@FEW
@given(texts)
@example([""])
@example(["", "", ""])
@example(["WE NEED WATER", "ÉTÉ ŠŒŽŸ ß", "STRASSE → 7"])
@example(["😀 ok", "\1\2\x7f\x81\x9f", "日本", "é\u0301"])
def test_any_texts_come_back_exactly(some: list[str]) -> None:
    assert textmodel.decode(coded(some), len(some)) == some


@FEW
@given(texts)
def test_the_meter_says_what_encoding_would_give(some: list[str]) -> None:
    meter = Meter()
    for count, text in enumerate(some, 1):
        assert meter.try_more(text) == coded(some[:count])


def test_field_messages_take_a_third_of_their_bytes() -> None:
    for text in FIELD:
        assert len(coded([text])) <= len(text.encode()) / 3
    assert encode_texts(FIELD)[0] is Codec.TEXT


def test_many_texts_are_shorter_together() -> None:
    some = [f"{text} {number}" for number in range(4) for text in FIELD]
    assert len(coded(some)) < 0.8 * sum(len(coded([text])) for text in some)


def test_no_zero_byte_is_sent_at_the_end() -> None:
    for number in range(100):
        assert not coded([f"{number}"]).endswith(b"\0")


@FEW
@given(st.binary(max_size=GARBAGE_BYTES), st.integers(1, 5))
@example(b"", 1)
@example(b"\xff" * GARBAGE_BYTES, 1)
def test_garbage_is_refused_or_is_what_an_encoder_writes(garbage: bytes, count: int) -> None:
    try:
        found = textmodel.decode(garbage, count)
    except MalformedError as bad:
        assert bad.code is Reject.TEXT
    else:
        assert coded(found) == garbage


@FEW
@given(texts, st.data())
def test_only_one_stream_stands_for_some_texts(some: list[str], data: st.DataObject) -> None:
    whole = coded(some)
    longer = whole + data.draw(st.binary(min_size=1, max_size=3))
    shorter = whole[: data.draw(st.integers(0, max(len(whole) - 1, 0)))]
    for other in {longer, shorter} - {whole}:
        try:
            assert textmodel.decode(other, len(some)) != some
        except MalformedError as bad:
            assert bad.code is Reject.TEXT


def test_a_hostile_stream_ends_after_as_many_symbols_as_are_allowed() -> None:
    started = time.process_time()
    for garbage in (b"\xff" * 16000, bytes(range(256)) * 60):
        with pytest.raises(MalformedError):
            textmodel.decode(garbage, 255)
    assert time.process_time() - started < 20


def test_texts_that_would_take_too_long_go_by_another_codec() -> None:
    assert textmodel.encode(["a" * SYMBOLS_MAX]) is None
    assert textmodel.encode(["é" * SYMBOLS_MAX, "a"]) is None
    codec, out = encode_texts(["a" * SYMBOLS_MAX])
    assert codec is not Codec.TEXT
    assert decode_texts(codec, out, 1) == ["a" * SYMBOLS_MAX]


def test_the_meter_stops_early_where_there_is_no_room() -> None:
    started = time.process_time()
    unlikely = "".join(map(chr, range(0x4E00, 0x4E00 + 2000)))
    assert Meter().try_more(unlikely, room_bytes=20) is None
    assert time.process_time() - started < 1


def test_a_nul_is_no_letter() -> None:
    with pytest.raises(ValueError, match="NUL"):
        textmodel.encode(["a\0b"])


NEVER_WRITTEN = (
    *(b"\1a", b"\1\xc3\xa9", b"\1", b"\1\xe2\x82", b"\x81", b"\1\xff"),
    *(b"\2sos", b"\2sosS", b"a\2", b"\2", b"WATER"),
)


@pytest.mark.parametrize("symbols", NEVER_WRITTEN)
def test_symbols_that_no_text_is_spelled_with_are_refused(symbols: bytes) -> None:
    with pytest.raises(ValueError):
        alphabet.read(symbols)


def test_what_is_in_no_charset_is_spelled_out() -> None:
    assert alphabet.spell("aé€") == b"a\xe9\x80"
    assert alphabet.spell("a→\1") == b"a\1\xe2\x86\x92\1\1"
    assert alphabet.spell("\2") == b"\1\2"


def test_capitals_alone_cost_little_more_than_small_letters() -> None:
    assert alphabet.spell("ÉTÉ À 14H") == b"\2\xe9t\xe9 \xe0 14h"
    assert alphabet.spell("SOS 12") == b"SOS 12"
    for text in FIELD:
        assert len(coded([text.upper()])) <= len(coded([text.lower()])) + 3


@given(st.lists(st.tuples(st.integers(1, 65535), st.integers(0, 1)), max_size=200))
def test_the_coder_gives_back_the_bits_whatever_their_probability(
    bits: list[tuple[int, int]],
) -> None:
    writer = Writer()
    for one, bit in bits:
        writer.code(one, bit)
    reader = Reader(writer.coded())
    assert [reader.code(one) for one, _ in bits] == [bit for _, bit in bits]
    assert reader.is_whole()


def test_the_shipped_table_is_the_one_that_is_pinned() -> None:
    data = files("crisiskit.codec.textmodel").joinpath(table.FILE).read_bytes()
    assert hashlib.sha256(data).hexdigest() == table.SHA256
    assert len(data) < 2_600_000
    found = table.shipped()
    assert found is not None
    assert table.pack(found) == data


def test_coding_leaves_the_table_as_it_was() -> None:
    first = coded(FIELD)
    coded(["quite another text"])
    assert coded(FIELD) == first


@pytest.mark.parametrize("content", [None, b"", b"CKTM\1 and little else"])
def test_without_its_table_the_other_codecs_work_and_the_text_model_is_refused(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = coded(FIELD)
    if content is not None:
        (tmp_path / table.FILE).write_bytes(content)
    monkeypatch.setattr(table, "files", lambda _: tmp_path)
    table.shipped.cache_clear()
    try:
        assert not textmodel.is_installed()
        codec, out = encode_texts(FIELD)
        assert codec is not Codec.TEXT
        assert decode_texts(codec, out, len(FIELD)) == list(FIELD)
        assert TextsMeter().add(FIELD[0], 200)
        with pytest.raises(MalformedError) as refused:
            textmodel.decode(whole, len(FIELD))
        assert refused.value.code is Reject.CODEC
    finally:
        table.shipped.cache_clear()


def test_a_table_of_another_shape_is_none() -> None:
    data = files("crisiskit.codec.textmodel").joinpath(table.FILE).read_bytes()
    for broken in (data[:-1], b"CKTM\2" + data[5:], data[:261] + bytes(256) + data[517:]):
        with pytest.raises(ValueError):
            table.unpack(broken)


def test_the_limit_is_the_same_on_both_sides() -> None:
    assert stream.SYMBOLS_MAX == SYMBOLS_MAX == 8192
