"""Files as records: a head that names a file, and slices of its bytes (docs/wire.md, section 14).

    file 6    names the file: SHA-256("crisiskit/1 file" 00 || what follows number 0)[:6]
    number    varint; 0 is the head, 1 .. count are the slices
    then      the head, or the bytes of the slice

The head fixes every length, so that no two slices can claim the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import zstandard

from crisiskit.codec.record import DATA_BYTES_MAX, RECORD_DIGEST_BYTES
from crisiskit.codec.reject import MalformedError, Reject, Rejected
from crisiskit.codec.shortest import Codec, decode_text, dictionary
from crisiskit.codec.wire import Reader, varint
from crisiskit.model import Record, RecordKind

FILE_BYTES_MAX = 1024 * 1024
FILE_NAME_BYTES_MAX = 120
FILE_ID_BYTES = 6
FILE_DIGEST_BYTES = 32
SLICE_BYTES = 1940  # six parts of a 340-byte frame, two slices in one frame of 4096
SLICE_BYTES_MIN = 256
SLICE_BYTES_MAX = 4080
SLICES_MAX = FILE_BYTES_MAX // SLICE_BYTES_MIN
_LABEL = b"crisiskit/1 file\0"
_CODECS = frozenset({Codec.RAW, Codec.ZSTD})
_WINDOW_LOG = 17
_LEVEL = 19


@dataclass(frozen=True, slots=True)
class FileHead:
    """What a file is: ``message`` is the record digest (16) of the message it belongs to.

    ``size`` is that of the file, ``coded_bytes`` what travels of it, in slices of
    ``slice_bytes``, the last one shorter. ``digest`` is SHA-256 of the file.
    """

    message: bytes
    name: str
    size: int
    codec: Codec
    coded_bytes: int
    slice_bytes: int
    digest: bytes

    @property
    def count(self) -> int:
        """How many slices there are."""
        return -(-self.coded_bytes // self.slice_bytes)

    def slice_size(self, number: int) -> int:
        """Bytes of slice ``number``, from 1; 0 for one that there is not."""
        if not 0 < number <= self.count:
            return 0
        return min(self.slice_bytes, self.coded_bytes - (number - 1) * self.slice_bytes)


@dataclass(frozen=True, slots=True)
class Piece:
    """One record of a file: its head (``number`` 0) or a slice."""

    file: bytes
    number: int
    head: FileHead | None
    content: bytes = b""


def cut_file(
    message: bytes, name: str, content: bytes, slice_bytes: int = SLICE_BYTES
) -> list[bytes]:
    """The data of the records that carry a file, its head first.

    Raises ValueError for a file that is empty or too large, or a name that has no wire form.
    """
    if not 0 < len(content) <= FILE_BYTES_MAX:
        raise ValueError("a file has 1 byte to 1 MiB")
    if not 0 < len(name.encode()) <= FILE_NAME_BYTES_MAX or "\0" in name:
        raise ValueError("a name has 1 to 120 bytes")
    codec, coded = Codec.RAW, content
    if len(packed := _packer().compress(content)) < len(content):
        codec, coded = Codec.ZSTD, packed
    digest = hashlib.sha256(content).digest()
    head = FileHead(message, name, len(content), codec, len(coded), slice_bytes, digest)
    data = encode_head(head)
    file = file_id(data)
    starts = range(0, len(coded), slice_bytes)
    slices = [coded[start : start + slice_bytes] for start in starts]
    return [file + varint(number) + body for number, body in enumerate([data, *slices])]


def decode_piece(data: bytes) -> Piece | Rejected:
    """The way back for one record; ``Reject.FILE`` for what no sender makes."""
    reader = Reader(data, Reject.FILE)
    try:
        file = reader.take(FILE_ID_BYTES)
        number = reader.varint(SLICES_MAX)
        body = reader.rest()
        if number:
            if not 0 < len(body) <= SLICE_BYTES_MAX:
                raise MalformedError(Reject.FILE)
            return Piece(file, number, None, body)
        if file != file_id(body):
            raise MalformedError(Reject.FILE)
        return Piece(file, 0, _read_head(body))
    except MalformedError as bad:
        return Rejected(bad.code)


def join_file(head: FileHead, slices: Sequence[bytes]) -> bytes | Rejected:
    """The file, from all its slices in order, if it is the one that its head names."""
    sizes = [len(one) for one in slices]
    if sizes != [head.slice_size(number) for number in range(1, head.count + 1)]:
        return Rejected(Reject.FILE)
    try:
        content = decode_text(head.codec, b"".join(slices), head.size)
    except MalformedError:
        return Rejected(Reject.FILE)
    if len(content) != head.size or hashlib.sha256(content).digest() != head.digest:
        return Rejected(Reject.FILE)
    return content


def is_slice(record: Record) -> bool:
    """Whether it is a part of a file, for which nobody waits; the head of a file is none."""
    return record.kind is RecordKind.FILE and record.data[FILE_ID_BYTES : FILE_ID_BYTES + 1] > b"\0"


def file_id(head: bytes) -> bytes:
    """The 6 bytes that name a file among those of its author."""
    return hashlib.sha256(_LABEL + head).digest()[:FILE_ID_BYTES]


def encode_head(head: FileHead) -> bytes:
    """What follows number 0."""
    return b"".join(
        (
            head.message,
            bytes([head.codec]),
            varint(head.size),
            varint(head.coded_bytes),
            varint(head.slice_bytes),
            head.digest,
            head.name.encode(),
        )
    )


def _read_head(body: bytes) -> FileHead:
    reader = Reader(body, Reject.FILE)
    message = reader.take(RECORD_DIGEST_BYTES)
    codec = reader.uint(1)
    size = reader.varint(FILE_BYTES_MAX)
    coded_bytes = reader.varint(FILE_BYTES_MAX)
    slice_bytes = reader.varint(SLICE_BYTES_MAX)
    digest = reader.take(FILE_DIGEST_BYTES)
    raw = reader.rest()
    if codec not in _CODECS or not 0 < coded_bytes <= size or slice_bytes < SLICE_BYTES_MIN:
        raise MalformedError(Reject.FILE)
    if codec == Codec.RAW and coded_bytes != size:
        raise MalformedError(Reject.FILE)
    if not 0 < len(raw) <= FILE_NAME_BYTES_MAX or b"\0" in raw:
        raise MalformedError(Reject.FILE)
    try:
        name = raw.decode()
    except UnicodeDecodeError:
        raise MalformedError(Reject.FILE) from None
    return FileHead(message, name, size, Codec(codec), coded_bytes, slice_bytes, digest)


@cache
def _packer() -> zstandard.ZstdCompressor:
    """As codec 4 wants it: no magic number, the size stated, a window of 128 KiB."""
    settings = zstandard.ZstdCompressionParameters.from_level(
        _LEVEL,
        window_log=_WINDOW_LOG,
        format=zstandard.FORMAT_ZSTD1_MAGICLESS,
        write_content_size=True,
        write_checksum=False,
        write_dict_id=False,
    )
    known = zstandard.ZstdCompressionDict(dictionary(), dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    return zstandard.ZstdCompressor(dict_data=known, compression_params=settings)


assert FILE_ID_BYTES + 2 + SLICE_BYTES_MAX <= DATA_BYTES_MAX, "a slice fits into a record"
