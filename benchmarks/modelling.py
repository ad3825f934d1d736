"""The text model against what it replaces: bytes of the coded texts alone, and time as ratios."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import zstandard
from corpus import first_messages, messages
from report import Options, Report, median

from crisiskit.codec import textmodel
from crisiskit.codec.content import fill
from crisiskit.codec.shortest import Codec, encode_texts
from crisiskit.codec.textmodel import SYMBOLS_MAX
from crisiskit.model import Precedence, Record, RecordKind

SAMPLES = (
    ("message", "direct", 31.0),
    ("message", None, None),
    ("original", None, None),
)
COUNT = 300
BATCH = 100
BATCH_RATIO_MAX = 0.8
ZSTD_LEVEL = 19
MINUTE = 29_900_000


def measure(options: Options, report: Report) -> None:
    """Measure and print."""
    for column, genre, most in SAMPLES:
        texts = messages(options.shared, column, COUNT, genre)
        sizes = [len(_coded([text])) for text in texts]
        name = f"text model: {column}, {genre or 'all genres'}"
        report.figure(f"{name}, mean", sum(sizes) / COUNT, "B", most=most, digits=1)
        report.figure(f"{name}, median", median(sizes), "B")
    _batch(first_messages(options.shared, BATCH), report)
    _speed(messages(options.shared, "message", COUNT), report)


def _batch(texts: Sequence[str], report: Report) -> None:
    """As many envelopes as the model needs, heads and minutes included, against one zstd frame."""
    whole = len(zstandard.ZstdCompressor(ZSTD_LEVEL).compress("\n".join(texts).encode()))
    records = [Record(RecordKind.TEXT, Precedence.ROUTINE, MINUTE, text) for text in texts]
    contents = 0
    while records:
        content, count = fill(records, SYMBOLS_MAX, MINUTE, None)
        contents, records = contents + len(content), records[count:]
    report.figure(
        f"contents of {BATCH} texts against zstd -19 of all in one piece",
        contents / whole,
        "x",
        most=BATCH_RATIO_MAX,
        digits=2,
    )


def _speed(texts: Sequence[str], report: Report) -> None:
    coded = [_coded([text]) for text in texts]
    hundreds = sum(len(text.encode()) for text in texts) / 100
    encoding = _seconds(lambda: [textmodel.encode([text]) for text in texts])
    decoding = _seconds(lambda: [textmodel.decode(one, 1) for one in coded])
    others = _seconds(lambda: [encode_texts([text], {Codec.DEFLATE}) for text in texts])
    report.figure("text model, encode 100 B", 1000 * encoding / hundreds, "ms", most=30, digits=1)
    report.figure("text model, decode 100 B", 1000 * decoding / hundreds, "ms", most=30, digits=1)
    report.figure("text model, encode against deflate", encoding / others, "x", digits=0)


def _coded(texts: Sequence[str]) -> bytes:
    coded = textmodel.encode(texts)
    if coded is None or textmodel.decode(coded, len(texts)) != list(texts):
        raise AssertionError("the texts do not come back")
    return coded


def _seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started
