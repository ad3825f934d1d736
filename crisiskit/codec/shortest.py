"""The words of an envelope as one coded stream: every codec is tried, the shortest is kept.

0 raw, 1 deflate with dictionary 1, 2 the text model, 4 zstd with dictionary 1. Codec numbers and
the bytes of a dictionary or table are part of the wire format: a new one gets a new codec number.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Collection, Sequence
from enum import IntEnum
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import zstandard

from crisiskit.codec import textmodel
from crisiskit.codec.reject import MalformedError, Reject

if TYPE_CHECKING:
    from zlib import _Compress

TEXT_BYTES_MAX = 65536
ZSTD_WORTH_BYTES = 512
_RAW_DEFLATE = -15
_ZSTD_LEVEL = 19
_ZSTD_WINDOW_MAX = 1 << 17
_CUT_ZEROS = b"\0\0"


class Codec(IntEnum):
    """How the text stream is coded; three bits. Others are refused."""

    RAW = 0
    DEFLATE = 1
    TEXT = 2
    ZSTD = 4


ALL_CODECS = frozenset(Codec)
QUICK_CODECS = ALL_CODECS - {Codec.TEXT}


@cache
def dictionary() -> bytes:
    """Dictionary 1: the text both ends know before the first byte."""
    return files("crisiskit.codec").joinpath("dictionary-1.bin").read_bytes()


class DeflateMeter:
    """A text that grows, and how long it would be as codec 1 with more text behind it."""

    def __init__(self, state: _Compress | None = None, written: int = 0) -> None:
        self._state = state or _primed_deflate()
        self._written = written

    def try_more(self, text: bytes) -> tuple[int, DeflateMeter]:
        """Bytes of the whole with ``text`` added, and the meter that has added it."""
        state = self._state.copy()
        written = self._written + len(state.compress(text))
        tail = _without_zeros(state.copy().flush())
        return written + len(tail), DeflateMeter(state, written)


class TextsMeter:
    """Texts that grow in number, coded as they come by the codecs that may be the shortest."""

    def __init__(self, codecs: Collection[Codec] = ALL_CODECS) -> None:
        self._codecs = codecs
        self._texts: list[str] = []
        self._joined_bytes = 0
        self._others_bytes = 0
        self._deflate = DeflateMeter()
        modelled = Codec.TEXT in codecs and textmodel.is_installed()
        self._model = textmodel.Meter() if modelled else None
        self._coded = b""

    def add(self, text: str, room_bytes: int) -> bool:
        """Add ``text`` if all of them then fit into ``room_bytes``; if not, it is at its end.

        What the text model codes shortest also ends where a text is too much for the model.
        Raises ValueError for a NUL in the text.
        """
        piece = b"\0" * bool(self._texts) + join_texts([text])
        joined = self._joined_bytes + len(piece)
        deflated, deflate = self._deflate.try_more(piece)
        others = min(joined, deflated) if Codec.DEFLATE in self._codecs else joined
        coded = self._model.try_more(text, room_bytes) if self._model else None
        best = others if coded is None else min(others, len(coded))
        leads = bool(self._model and self._texts) and len(self._coded) < self._others_bytes
        if best > room_bytes or joined > TEXT_BYTES_MAX or (leads and coded is None):
            return False
        self._texts.append(text)
        self._joined_bytes, self._others_bytes, self._deflate = joined, others, deflate
        if coded is None:
            self._model = None
        else:
            self._coded = coded
        return True

    def shortest(self) -> tuple[Codec, bytes]:
        """The texts that were added, by the codec that makes them shortest."""
        best = encode_text(join_texts(self._texts), self._codecs)
        if self._model and len(self._coded) < len(best[1]):
            return Codec.TEXT, self._coded
        return best


def encode_texts(
    texts: Sequence[str], codecs: Collection[Codec] = ALL_CODECS
) -> tuple[Codec, bytes]:
    """``texts`` by the codec that makes them shortest; raw is always allowed.

    Raises ValueError for a NUL in a text.
    """
    joined = join_texts(texts)
    best = encode_text(joined, codecs)
    if Codec.TEXT in codecs and joined and textmodel.is_installed():
        coded = textmodel.encode(texts)
        if coded is not None and len(coded) < len(best[1]):
            return Codec.TEXT, coded
    return best


def decode_texts(codec: int, coded: bytes, count: int) -> list[str]:
    """The way back: as many texts as were coded. Raises ``MalformedError``."""
    if codec == Codec.TEXT:
        return textmodel.decode(coded, count)
    return _split_texts(decode_text(codec, coded), count)


def join_texts(texts: Sequence[str]) -> bytes:
    """The texts as all codecs but the text model see them; the empty ones at the end left out.

    Raises ValueError for a NUL in a text.
    """
    if any("\0" in text for text in texts):
        raise ValueError("a text holds no NUL")
    return "\0".join(texts).encode().rstrip(b"\0")


def encode_text(text: bytes, codecs: Collection[Codec] = ALL_CODECS) -> tuple[Codec, bytes]:
    """``text``, joined, by the codec that makes it shortest, the text model aside."""
    ways = [(Codec.RAW, text)]
    if Codec.DEFLATE in codecs and text:
        ways.append((Codec.DEFLATE, _deflate(text)))
    if Codec.ZSTD in codecs and len(text) >= ZSTD_WORTH_BYTES:
        ways.append((Codec.ZSTD, _zstd_compressor().compress(text)))
    return min(ways, key=lambda way: len(way[1]))


def decode_text(codec: int, coded: bytes, most: int = TEXT_BYTES_MAX) -> bytes:
    """The way back, joined; never more than ``most`` bytes. Raises ``MalformedError``."""
    if codec == Codec.RAW:
        if len(coded) > most:
            raise MalformedError(Reject.TEXT)
        return coded
    if codec == Codec.DEFLATE:
        return _inflate(coded, most)
    if codec == Codec.ZSTD:
        return _unzstd(coded, most)
    raise MalformedError(Reject.CODEC)


def _split_texts(text: bytes, count: int) -> list[str]:
    """One text per record; those that are empty at the end were left out."""
    try:
        texts = text.decode().split("\0")
    except UnicodeDecodeError:
        raise MalformedError(Reject.TEXT) from None
    if len(texts) > count or text.endswith(b"\0"):
        raise MalformedError(Reject.TEXT)
    return texts + [""] * (count - len(texts))


@cache
def _primed_deflate() -> _Compress:
    return zlib.compressobj(9, zlib.DEFLATED, _RAW_DEFLATE, 9, zdict=dictionary())


def _deflate(text: bytes) -> bytes:
    """Raw deflate (RFC 1951) without the zero bytes at its end; at most two are cut."""
    state = _primed_deflate().copy()
    return _without_zeros(state.compress(text) + state.flush())


def _without_zeros(coded: bytes) -> bytes:
    """Without the zero bytes that a reader puts back; a stream can end with more than those."""
    for _ in _CUT_ZEROS:
        coded = coded.removesuffix(b"\0")
    return coded


def _inflate(coded: bytes, most: int) -> bytes:
    state = zlib.decompressobj(_RAW_DEFLATE, zdict=dictionary())
    try:
        text = state.decompress(coded + _CUT_ZEROS, most + 1)
    except zlib.error:
        raise MalformedError(Reject.TEXT) from None
    if not state.eof or len(text) > most or len(state.unused_data) > len(_CUT_ZEROS):
        raise MalformedError(Reject.TEXT)
    return text


@cache
def _zstd_dictionary() -> zstandard.ZstdCompressionDict:
    return zstandard.ZstdCompressionDict(dictionary(), dict_type=zstandard.DICT_TYPE_RAWCONTENT)


@cache
def _zstd_compressor() -> zstandard.ZstdCompressor:
    settings = zstandard.ZstdCompressionParameters.from_level(
        _ZSTD_LEVEL,
        format=zstandard.FORMAT_ZSTD1_MAGICLESS,
        write_content_size=True,
        write_checksum=False,
        write_dict_id=False,
    )
    return zstandard.ZstdCompressor(dict_data=_zstd_dictionary(), compression_params=settings)


def _unzstd(coded: bytes, most: int) -> bytes:
    """One frame (RFC 8878) without its magic number, its content size stated and true."""
    magicless = zstandard.FORMAT_ZSTD1_MAGICLESS
    opener = zstandard.ZstdDecompressor(
        dict_data=_zstd_dictionary(), max_window_size=_ZSTD_WINDOW_MAX, format=magicless
    )
    try:
        stated = zstandard.get_frame_parameters(coded, format=magicless).content_size
        if stated > most:
            raise MalformedError(Reject.TEXT)
        with opener.stream_reader(io.BytesIO(coded)) as stream:
            text = stream.read(most + 1)
        if len(text) != stated:
            raise MalformedError(Reject.TEXT)
        once_more = opener.decompressobj()  # the only one that says where the frame ended
        once_more.decompress(coded)
    except zstandard.ZstdError:
        raise MalformedError(Reject.TEXT) from None
    if once_more.unused_data:
        raise MalformedError(Reject.TEXT)
    return text
