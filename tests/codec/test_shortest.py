"""Words take the fewest bytes, come back exactly, and a bomb stays small."""

from __future__ import annotations

import tracemalloc
import zlib

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from crisiskit.codec.reject import MalformedError, Reject
from crisiskit.codec.shortest import (
    ALL_CODECS,
    TEXT_BYTES_MAX,
    ZSTD_WORTH_BYTES,
    Codec,
    DeflateMeter,
    decode_text,
    dictionary,
    encode_text,
)

MEMORY_MAX = 8 << 20
MAGIC_BYTES = 4

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=300).map(str.encode)


def deflated(text: bytes, known: bytes | None = None) -> bytes:
    state = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zdict=known or dictionary())
    return state.compress(text) + state.flush()


def cut(stream: bytes) -> bytes:
    """Without two zero bytes at the end, if it has them."""
    return stream.removesuffix(b"\0").removesuffix(b"\0")


def zstd_frame(text: bytes, sized: bool = True) -> bytes:
    known = zstandard.ZstdCompressionDict(dictionary(), dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    maker = zstandard.ZstdCompressor(dict_data=known, write_content_size=sized)
    return maker.compress(text)[MAGIC_BYTES:]


@given(texts, st.sets(st.sampled_from(Codec)))
def test_words_come_back_whatever_codec_was_allowed(text: bytes, codecs: set[Codec]) -> None:
    codec, coded = encode_text(text, codecs)
    assert decode_text(codec, coded) == text
    assert codec in codecs | {Codec.RAW}
    assert len(coded) <= len(text)


@given(texts.filter(bool))
def test_the_zero_bytes_left_out_at_the_end_are_never_missed(text: bytes) -> None:
    whole = deflated(text)
    assert decode_text(Codec.DEFLATE, cut(whole)) == text
    assert decode_text(Codec.DEFLATE, whole) == text


# Found by make fuzz: the streams of these end with three zero bytes, of which a reader knows two.
@pytest.mark.parametrize(
    "text",
    [
        "ouverte Sada needed coupé Pont route urgent urgent" + 32 * "?",
        "water à help eau needed help Pont coupé Sada Pont help" + 32 * "a",
    ],
)
def test_a_stream_that_ends_with_three_zero_bytes_comes_back(text: str) -> None:
    assert deflated(text.encode()).endswith(bytes(3))
    codec, coded = encode_text(text.encode())

    assert codec is Codec.DEFLATE
    assert decode_text(codec, coded) == text.encode()
    assert DeflateMeter().try_more(text.encode())[0] == len(coded)


@given(texts, st.sampled_from("?!.aAé0 "), st.integers(1, 120))
def test_a_text_that_ends_in_one_sign_over_and_over_comes_back(
    text: bytes, sign: str, count: int
) -> None:
    whole = text + sign.encode() * count
    assert decode_text(*encode_text(whole)) == whole


def test_the_shortest_codec_is_kept() -> None:
    field = b"Situation stable, nothing to report. We need drinking water for 40 people."
    assert encode_text(b"")[0] is Codec.RAW
    assert encode_text(b"x9")[0] is Codec.RAW
    assert encode_text(field)[0] is Codec.DEFLATE
    by_hand = {codec: len(encode_text(field * 40, {codec})[1]) for codec in ALL_CODECS}
    codec, coded = encode_text(field * 40)
    assert len(coded) == by_hand[codec] == min(by_hand.values())


def test_large_text_may_be_zstd() -> None:
    text = " ".join(f"{number * 7919 % 10007} people" for number in range(2000)).encode()
    codec, coded = encode_text(text, {Codec.ZSTD})
    assert codec is Codec.ZSTD
    assert decode_text(codec, coded) == text
    assert encode_text(text[: ZSTD_WORTH_BYTES - 1], {Codec.ZSTD})[0] is Codec.RAW


@given(st.lists(texts, max_size=6))
def test_a_growing_text_is_measured_as_it_would_be_sent(pieces: list[bytes]) -> None:
    meter, whole = DeflateMeter(), b""
    for piece in pieces:
        whole += piece
        size, meter = meter.try_more(piece)
        assert size == len(cut(deflated(whole)))


def test_measuring_changes_nothing() -> None:
    meter = DeflateMeter()
    first, _ = meter.try_more(b"one text")
    meter.try_more(b"another text that was not taken")
    assert meter.try_more(b"one text")[0] == first


@pytest.mark.parametrize(
    ("codec", "bomb"),
    [
        (Codec.DEFLATE, deflated(b"A" * (16 << 20))),
        (Codec.ZSTD, zstd_frame(b"A" * (64 << 20))),
        (Codec.ZSTD, zstd_frame(b"A" * (64 << 20), sized=False)),
    ],
)
def test_a_bomb_is_refused_in_little_memory(codec: Codec, bomb: bytes) -> None:
    decode_text(Codec.DEFLATE, deflated(b"warm"))
    tracemalloc.start()
    try:
        with pytest.raises(MalformedError):
            decode_text(codec, bomb)
        assert tracemalloc.get_traced_memory()[1] < MEMORY_MAX
    finally:
        tracemalloc.stop()


def test_a_zstd_frame_that_lies_about_its_size_is_refused() -> None:
    honest = bytearray(zstd_frame(b"A" * 1000))
    assert decode_text(Codec.ZSTD, bytes(honest)) == b"A" * 1000
    honest[1] ^= 1  # the content size follows the first byte
    with pytest.raises(MalformedError):
        decode_text(Codec.ZSTD, bytes(honest))


def test_a_window_larger_than_128_kib_is_refused() -> None:
    settings = zstandard.ZstdCompressionParameters.from_level(
        3, window_log=20, format=zstandard.FORMAT_ZSTD1_MAGICLESS, write_content_size=False
    )
    stream = zstandard.ZstdCompressor(compression_params=settings).compressobj()
    with pytest.raises(MalformedError):
        decode_text(Codec.ZSTD, stream.compress(b"A" * 100) + stream.flush())


def test_exactly_the_limit_passes_and_one_more_does_not() -> None:
    most = bytes(TEXT_BYTES_MAX).replace(b"\0", b"a")
    for codec in (Codec.DEFLATE, Codec.ZSTD):
        assert decode_text(codec, encode_text(most, {codec})[1]) == most
        with pytest.raises(MalformedError):
            decode_text(codec, encode_text(most + b"a", {codec})[1])


@pytest.mark.parametrize("codec", [2, 3, 5, 6, 7])
def test_unknown_codecs_are_refused_by_name(codec: int) -> None:
    with pytest.raises(MalformedError) as refused:
        decode_text(codec, b"anything")
    assert refused.value.code is Reject.CODEC


@pytest.mark.parametrize("codec", [Codec.DEFLATE, Codec.ZSTD])
@given(data=st.binary(max_size=60))
def test_any_bytes_are_a_text_or_refused(codec: Codec, data: bytes) -> None:
    try:
        text = decode_text(codec, data)
    except MalformedError:
        return
    assert len(text) <= TEXT_BYTES_MAX


@pytest.mark.parametrize("codec", [Codec.DEFLATE, Codec.ZSTD])
def test_a_cut_stream_is_refused(codec: Codec) -> None:
    text = " ".join(str(number * 7919 % 10007) for number in range(200)).encode()
    coded = encode_text(text, {codec})[1]
    for size in range(0, len(coded) - 1, 7):
        with pytest.raises(MalformedError):
            decode_text(codec, coded[:size])


@pytest.mark.parametrize("more", [b"x", b"\0", b"\x20\x00\x01\x00\x00"])
@pytest.mark.parametrize("codec", [Codec.DEFLATE, Codec.ZSTD])
def test_bytes_behind_a_stream_are_refused(codec: Codec, more: bytes) -> None:
    coded = deflated(b"word " * 200) if codec is Codec.DEFLATE else zstd_frame(b"word " * 200)

    assert decode_text(codec, coded) == b"word " * 200
    with pytest.raises(MalformedError):
        decode_text(codec, coded + more)
