"""Records come back from an envelope as they were written, for the bytes that were promised."""

from __future__ import annotations

import random
import time
from collections.abc import Collection, Sequence
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crisiskit.codec.acks import AckBlock, ack_block
from crisiskit.codec.content import (
    CONTENT_BYTES_MAX,
    MINUTE_MAX,
    RECORDS_MAX,
    Coded,
    Content,
    decode_content,
    encode_content,
    fill,
    open_content,
    resolve_minute,
)
from crisiskit.codec.reject import Reject, Rejected
from crisiskit.codec.shortest import ALL_CODECS, Codec
from crisiskit.codec.textmodel import SYMBOLS_MAX
from crisiskit.model import (
    ClockQuality,
    Direction,
    Precedence,
    Record,
    RecordKind,
    Reference,
)

BASE = 29_800_000
HEADER_AND_TAG = 4 + 8
ACK = ack_block(3, 40, b"\1\2\3\4", {42, 43})
CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
PHRASES = (
    "The road to the village is open again, two trucks are on their way.",
    "Le dispensaire demande de l'insuline et des pansements pour demain.",
    "Water level is going down, families start to clean their houses.",
    "Nous sommes au collège avec 35 personnes, tout le monde va bien.",
    "Generator repaired, fuel for ten hours, radio check at 19:00.",
    "Deux blessés légers soignés sur place, pas d'évacuation nécessaire.",
    "Bridge inspected: light vehicles only, no trucks until further notice.",
    "Besoin de 20 bâches et de cordes, plusieurs toits endommagés.",
)

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=80)
references = st.builds(
    Reference,
    st.sampled_from(Direction),
    st.integers(0, 0xFFFF),
    st.integers(0, 0xFFFF),
    st.integers(0, 0xFF),
)


@st.composite
def records(draw: st.DrawFn, clock: ClockQuality) -> Record:
    kind = draw(st.sampled_from(RecordKind))
    has_data = kind in (RecordKind.FORM, RecordKind.READ)
    minute = draw(st.one_of(st.integers(BASE - 3000, BASE + 3000), st.integers(0, MINUTE_MAX)))
    return Record(
        kind,
        draw(st.sampled_from(Precedence)),
        minute,
        draw(texts),
        draw(st.binary(max_size=200)) if has_data else b"",
        draw(st.sampled_from([0, 0, 1, 255])),
        draw(st.none() | references),
        clock,
    )


@st.composite
def contents(draw: st.DrawFn) -> Content:
    clock = draw(st.sampled_from(ClockQuality))
    some = draw(st.lists(records(clock), min_size=1, max_size=6))
    return Content(tuple(some), draw(st.none() | st.just(ACK)), clock)


def text(words: str = "", minute: int = BASE, **changes: object) -> Record:
    plain = Record(RecordKind.TEXT, Precedence.ROUTINE, minute, words)
    return replace(plain, **changes)  # type: ignore[arg-type]


def size(*some: Record, ack: AckBlock | None = None, base: int | None = BASE) -> int:
    """Bytes on the air of an envelope with the short header."""
    return HEADER_AND_TAG + len(encode_content(Content(some, ack), base))


@CALM
@given(contents(), st.none() | st.integers(0, MINUTE_MAX), st.sets(st.sampled_from(Codec)))
def test_an_envelope_comes_back(content: Content, base: int | None, codecs: set[Codec]) -> None:
    raw = encode_content(content, base, codecs)
    assert decode_content(raw, base) == content


@given(st.integers(0, MINUTE_MAX), st.integers(-32768, 32767))
def test_two_bytes_name_every_minute_within_22_days(base: int, away: int) -> None:
    minute = base + away
    if 0 <= minute <= MINUTE_MAX:
        assert resolve_minute(minute & 0xFFFF, base) == minute


def test_a_minute_far_from_the_base_is_sent_whole() -> None:
    far = Content((text("late", BASE + 40_000),))
    assert decode_content(encode_content(far, BASE), BASE) == far
    assert size(text("late", BASE + 40_000)) == size(text("late")) + 2


def test_a_short_minute_waits_for_the_first_envelope() -> None:
    raw = encode_content(Content((text("hello"),)), BASE)
    assert decode_content(raw, None) == Rejected(Reject.NO_BASE)


# -- the byte budget -------------------------------------------------------------------------


def test_one_text_costs_16_bytes_besides_its_words() -> None:
    assert size(text()) == 16
    assert size(text("x9")) == 16 + 2


def test_a_further_record_costs_2_bytes() -> None:
    assert size(text(), text(minute=BASE + 60)) == 16 + 2
    assert size(*(text(minute=BASE + at) for at in range(10))) == 16 + 9 * 2


def test_a_further_text_costs_less_than_2_bytes_besides_its_words_alone() -> None:
    some = [text(words, BASE + 5 * at) for at, words in enumerate(PHRASES)]
    alone = sum(size(record) - 16 for record in some)
    assert size(*some) - 16 - alone < 2 * (len(some) - 1)


def test_an_ack_costs_8_bytes_and_an_answer_3() -> None:
    nothing_missing = ack_block(3, 40, b"\1\2\3\4", ())
    assert size(text(), ack=nothing_missing) == 16 + 8
    assert size(text(answers=Reference(Direction.DOWN, 5, 9, 0))) == 16 + 3


def test_words_of_the_field_shrink_by_a_third_or_more() -> None:
    plain = sum(len(words.encode()) for words in PHRASES)
    coded = sum(size(text(words)) - 16 for words in PHRASES)
    assert coded < 0.66 * plain


# -- what is refused -------------------------------------------------------------------------


def head(first: str, rest: str = "") -> bytes:
    """A content: c byte and minute, then ``rest``."""
    return bytes.fromhex(first + "0000" + rest)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", Reject.RECORD),
        (head("00"), Reject.RECORD),
        (head("80", "00"), Reject.SIGNED),
        (head("0a", "00"), Reject.CODEC),
        (head("06", "00"), Reject.CODEC),
        (head("00", "80"), Reject.RECORD),  # no such kind
        (head("00", "04"), Reject.RECORD),  # more, but none follows
        (head("00", "0100"), Reject.RECORD),  # a twin of number 0
        (head("00", "2002aa"), Reject.RECORD),  # data cut short
        (head("00", "20a001"), Reject.RECORD),  # data above 4096 bytes
        (head("00", "006100"), Reject.TEXT),  # an empty text at the end
        (head("00", "006162006162"), Reject.TEXT),  # more texts than records
        (head("00", "00ff"), Reject.TEXT),  # not UTF-8
        (head("00", "00eda080"), Reject.TEXT),  # a lone surrogate
        (head("02", "00ffffff"), Reject.TEXT),  # not deflate
        (head("04", "00ff00"), Reject.TEXT),  # not of the text model
        (head("40", "05ffff00050001"), Reject.ACK),  # a request for parts is no ack
    ],
)
def test_what_makes_no_sense_is_refused(raw: bytes, why: Reject) -> None:
    assert decode_content(raw, BASE) == Rejected(why)


def test_a_minute_before_1970_or_after_the_last_is_refused() -> None:
    wide = "01" + "00000000"
    assert decode_content(bytes.fromhex(wide + "0400"), BASE) == Rejected(Reject.RECORD)
    assert decode_content(bytes.fromhex(wide + "040001"), BASE) == Rejected(Reject.RECORD)
    assert isinstance(decode_content(bytes.fromhex(wide + "040000"), BASE), Content)


def test_more_than_255_records_are_refused() -> None:
    most = bytes.fromhex("000000") + b"\4" + b"\4\0" * (RECORDS_MAX - 2) + b"\0\0"
    assert isinstance(decode_content(most, BASE), Content)
    over = most[:-2] + b"\4\0" + b"\0\0"
    assert decode_content(over, BASE) == Rejected(Reject.RECORD)


def test_a_content_too_long_for_any_frame_is_refused() -> None:
    assert decode_content(bytes(CONTENT_BYTES_MAX + 1), BASE) == Rejected(Reject.LENGTH)


@CALM
@given(st.binary(max_size=80), st.none() | st.just(BASE))
def test_any_bytes_are_a_content_or_refused(raw: bytes, base: int | None) -> None:
    assert isinstance(decode_content(raw, base), (Content, Rejected))


@CALM
@given(contents(), st.data())
def test_a_changed_content_is_a_content_or_refused(content: Content, data: st.DataObject) -> None:
    raw = bytearray(encode_content(content, BASE))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert isinstance(decode_content(bytes(raw), BASE), (Content, Rejected))


@pytest.mark.parametrize(
    "some",
    [
        (),
        (text("nul \0"),),
        (text("\ud800"),),
        (text(data=b"x"),),
        (text(twin=256),),
        (text(minute=-1),),
        (text(minute=MINUTE_MAX + 1),),
        (text(kind=RecordKind.FORM, data=bytes(4097)),),
        (text(),) * 256,
        (text("a" * 65_537),),
        (text("".join(chr(0x4E00 + at * 7919 % 20_000) for at in range(16_000))),),
    ],
)
def test_what_has_no_wire_form_is_an_error_of_the_caller(some: tuple[Record, ...]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        encode_content(Content(some), BASE)


# -- filling frames --------------------------------------------------------------------------


@CALM
@given(
    st.lists(records(ClockQuality.SATELLITE), min_size=1, max_size=12),
    st.integers(0, 400),
    st.none() | st.just(ACK),
)
def test_a_frame_takes_what_fits_and_at_least_one(
    some: list[Record], room: int, ack: AckBlock | None
) -> None:
    raw, count = fill(some, room, BASE, ack)
    assert 1 <= count <= len(some)
    assert decode_content(raw, BASE) == Content(tuple(some[:count]), ack, ClockQuality.SATELLITE)
    if count > 1:
        assert len(raw) <= room
    if count < len(some):
        codecs = {Codec.RAW, Codec.DEFLATE}
        more = Content(tuple(some[: count + 1]), ack, ClockQuality.SATELLITE)
        # Room for empty texts at the end is counted although they cost none.
        assert len(encode_content(more, BASE, codecs)) + 12 > room


def test_the_clock_of_an_envelope_is_the_least_of_its_records() -> None:
    some = [text("a", clock=ClockQuality.CENTER), text("b", clock=ClockQuality.BY_HAND)]
    found = decode_content(fill(some, 300, BASE, None)[0], BASE)
    assert isinstance(found, Content)
    assert found.clock is ClockQuality.BY_HAND


def test_six_texts_share_one_frame_of_340_bytes() -> None:
    some = [text(PHRASES[at % len(PHRASES)], BASE + at) for at in range(20)]
    _, count = fill(some[:8], 340 - HEADER_AND_TAG, BASE, None)
    assert count >= 6


def packed(some: Sequence[Record], room: int, codecs: Collection[Codec] = ALL_CODECS) -> int:
    """How many envelopes ``some`` take."""
    envelopes, at = 0, 0
    while at < len(some):
        at += fill(some[at:], room, BASE, None, codecs)[1]
        envelopes += 1
    return envelopes


def test_500_records_are_packed_quickly() -> None:
    some = [text(f"{PHRASES[at % 8]} {at * 7919 % 1000}", BASE + at) for at in range(500)]
    started = time.process_time()
    quick = ALL_CODECS - {Codec.TEXT}
    assert packed(some, CONTENT_BYTES_MAX, quick) == 2
    assert packed(some, 328, quick) > packed(some[:100], 328) > 4
    assert time.process_time() - started < 4


def test_what_the_text_model_shortens_ends_where_the_model_does() -> None:
    words, chance = " ".join(PHRASES).split(), random.Random(3)
    some = [text(" ".join(chance.choices(words, k=25)), BASE + at) for at in range(70)]
    raw, count = fill(some, CONTENT_BYTES_MAX, BASE, None)
    assert raw[0] >> 1 & 7 == Codec.TEXT
    assert sum(len(record.text) + 1 for record in some[:count]) <= SYMBOLS_MAX
    assert sum(len(record.text) + 1 for record in some[: count + 1]) > SYMBOLS_MAX


def test_a_content_is_begun_without_its_texts_and_finished_later() -> None:
    content = Content((text("un"), text("deux")), ACK, ClockQuality.UNKNOWN)
    raw = encode_content(content, BASE)
    begun = open_content(raw, BASE)
    assert isinstance(begun, Coded)
    assert (len(begun.heads), begun.ack, {head.text for head in begun.heads}) == (2, ACK, {""})
    assert begun.decode() == content == decode_content(raw, BASE)
    assert replace(begun, coded=b"\xff" * 40).decode() == Rejected(Reject.TEXT)
    assert open_content(raw, None) == Rejected(Reject.NO_BASE)


def test_nothing_fills_nothing() -> None:
    with pytest.raises(ValueError, match="nothing"):
        fill([], 100, BASE, None)


def test_every_codec_is_tried() -> None:
    assert set(Codec) == ALL_CODECS
