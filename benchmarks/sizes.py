"""Bytes on the air against the byte budget: frames as the engine makes them, nothing sent."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import beside
import modelling
from corpus import messages
from report import Options, Report, median

from crisiskit.codec.acks import AckBlock, Receipt, ack_block, encode_block, encode_receipt
from crisiskit.codec.content import Content, decode_content, encode_content, fill, with_signature
from crisiskit.codec.header import FrameKind, Header, encode_header
from crisiskit.codec.shortest import encode_texts
from crisiskit.compose import compose_form
from crisiskit.crypto.keys import EpochKeys, root_key
from crisiskit.crypto.seal import TAG_BYTES, open_frame, seal
from crisiskit.model import Direction, Precedence, Record, RecordKind

COUNT = 300
KIT_NUMBER = 7
FRAME_BYTES = 340
CREDIT_BYTES = 50
SIGNATURE_BYTES = 64
MINUTE = 29_900_000
ACK_TRIALS = 200
SAMPLES = (
    ("message", "direct"),
    ("message", None),
    ("original", "direct"),
)
# What such a report usually answers; goals of its data and of its frame, where there are any.
FORMS: tuple[tuple[str, str, int | None, int | None], ...] = (
    (
        "sitrep",
        "place=Pointe-Noire position=16.2323,-61.7865 present=340 injured=14 dead=2 missing=3"
        " homeless=120 damage=4 road=foot power=none water=partial telecom=radio need=water",
        18,
        None,
    ),
    (
        "medevac",
        "place=Pointe-Noire position=16.2323,-61.7865 urgent=2 priority=1 routine=4 lying=3"
        " cause=crush condition=bleeding pickup=helicopter landing=yes",
        15,
        None,
    ),
    (
        "needs",
        "place=Pointe-Noire position=16.2323,-61.7865 urgency=today people=340 water=1500"
        " rations=700 shelter=30 blankets=200",
        None,
        None,
    ),
    (
        "infra",
        "place=Pointe-Noire position=16.2323,-61.7865 kind=bridge status=down access=foot hours=48",
        9,
        None,
    ),
    ("position", "position=16.2323,-61.7865 accuracy=10m status=ok", 8, 30),
)


@dataclass(frozen=True, slots=True)
class Packed:
    """One frame with some records in it."""

    frame_bytes: int
    coded_bytes: int
    records: int


def run(options: Options, report: Report) -> None:
    """Measure and print."""
    report.part("bytes")
    texts = messages(options.shared, "message", COUNT)
    _envelopes(texts, report)
    _receipts(report)
    _forms(report)
    for column, genre in SAMPLES:
        _texts(column, genre, messages(options.shared, column, COUNT, genre), report)
    modelling.measure(options, report)
    report.note("original, all genres: the same texts, only help numbers have originals")


def text_record(text: str, place: int = 0) -> Record:
    """A ROUTINE text, some minutes after the one before."""
    return Record(RecordKind.TEXT, Precedence.ROUTINE, MINUTE + 3 * place, text)


def packed(texts: Sequence[str], free_bytes: int = 0) -> list[Packed]:
    """Full frames for a satellite modem, the way the sender fills them; each is opened again.

    ``free_bytes`` of each frame are kept for something else.
    """
    records = [text_record(text, place) for place, text in enumerate(texts)]
    frames: list[Packed] = []
    while records:
        room = FRAME_BYTES - len(encode_header(_header())) - TAG_BYTES - free_bytes
        content, count = fill(records, room, MINUTE, None)
        taken, records = records[:count], records[count:]
        frame = _sealed(content)
        coded = encode_texts([record.text for record in taken])[1]
        frames.append(Packed(len(frame), len(coded), count))
    return frames


def per_frame(frames: Sequence[Packed]) -> float:
    """Records in a frame, the last one left out where it is not full."""
    full = frames[:-1] or frames
    return sum(one.records for one in full) / len(full)


def _header(confirmed: bool = True, kind: FrameKind = FrameKind.SEALED) -> Header:
    named = (None, None) if confirmed else (_keys().epoch, _keys().salt)
    return Header(kind, KIT_NUMBER, Direction.UP, Precedence.ROUTINE, 40, *named)


def _keys() -> EpochKeys:
    secret, network, kit = bytes(32), bytes(16), bytes(range(16))
    return root_key(secret, network, kit, Direction.UP).secret().keys(b"salt")


def _sealed(content: bytes, confirmed: bool = True) -> bytes:
    """The frame. What cannot be opened and read again is no measurement."""
    header = _header(confirmed)
    frame = seal(_keys(), header, content)
    if open_frame(_keys(), header, frame) != content:
        raise AssertionError("the frame does not open")
    if not isinstance(decode_content(content, MINUTE), Content):
        raise AssertionError("the content does not decode")
    return frame


def _alone(
    record: Record, *, confirmed: bool = True, based: bool = True, signed: bool = False
) -> int:
    """Frame bytes of one record. ``based``: the far end has envelope 0, so it knows the day."""
    content = encode_content(Content((record,)), MINUTE if based else None)
    if signed:
        content = with_signature(content, bytes(SIGNATURE_BYTES))
    return len(_sealed(content, confirmed))


def _envelopes(texts: Sequence[str], report: Report) -> None:
    coded = [len(encode_texts([text])[1]) for text in texts]
    records = [text_record(text) for text in texts]

    def overhead(confirmed: bool, based: bool) -> int:
        sizes = [_alone(record, confirmed=confirmed, based=based) for record in records]
        return max(size - text for size, text in zip(sizes, coded, strict=True))

    report.figure("one text alone, beyond its coded text", overhead(True, True), "B", most=16)
    report.figure(
        "the same while epoch and salt are not confirmed", overhead(False, False), "B", most=22
    )
    frames = packed(texts)
    beyond = sum(one.frame_bytes - one.coded_bytes - overhead(True, True) for one in frames)
    further = sum(one.records - 1 for one in frames)
    report.figure(
        "each further text in full frames, beyond coded text",
        beyond / further,
        "B",
        most=2,
        digits=2,
    )


def _receipts(report: Report) -> None:
    clean = ack_block(3, 40, b"\1\2\3\4", ())
    report.figure("ack block, nothing missing (goal: about 7)", len(encode_block(clean)), "B")
    blocks = [_lossy(random.Random(seed)) for seed in range(ACK_TRIALS)]
    beyond = [len(encode_block(block)) - 5 for block in blocks]
    report.figure(
        "of an ack block with 10 lost of 100: which ones, mean",
        sum(beyond) / len(beyond),
        "B",
        most=9,
        digits=1,
    )

    def alone(blocks: tuple[bytes, ...], confirmed: bool) -> int:
        header = _header(confirmed, FrameKind.RECEIPT)
        time = encode_receipt(Receipt(MINUTE * 60, ()))
        return len(seal(_keys(), header, time + b"".join(blocks)))

    report.figure("receipt alone", alone((encode_block(clean),), True), "B", most=26)
    one_lost = ack_block(3, 40, b"\1\2\3\4", (41, 42, 43))
    report.figure("receipt alone, one lost", alone((encode_block(one_lost),), True), "B", most=26)
    first = alone((encode_block(clean),), False)
    report.figure("receipt alone, epoch and salt not confirmed", first, "B")


def _lossy(chance: random.Random) -> AckBlock:
    """The ack block of 100 envelopes of which 10 did not come; more came after them."""
    lost = set(chance.sample(range(100), 10))
    stored = [seq for seq in range(101) if seq not in lost]
    first = min(lost)
    return ack_block(3, first, b"\1\2\3\4", [seq for seq in stored if seq > first])


def _forms(report: Report) -> None:
    for name, typed, data_most, frame_most in FORMS:
        answers = dict(word.split("=", 1) for word in typed.split())
        data, text = compose_form(name, answers, MINUTE)
        record = Record(RecordKind.FORM, Precedence.ROUTINE, MINUTE, text, data)
        report.figure(f"form {name}, data", len(data), "B", most=data_most)
        words = f" with {len(text)} letters of place" if text else ""
        report.figure(f"form {name}, frame{words}", _alone(record), "B", most=frame_most)


def _texts(column: str, genre: str | None, texts: Sequence[str], report: Report) -> None:
    name = f"{column}, {genre or 'all genres'}"
    raw = [len(text.encode()) for text in texts]
    report.note(f"{name}: {COUNT} texts, mean {sum(raw) / COUNT:.1f} B, median {median(raw):.0f} B")
    sizes = [_alone(text_record(text)) for text in texts]
    signed = [_alone(text_record(text), signed=True) for text in texts]
    credit = 100 * sum(size <= CREDIT_BYTES for size in sizes) / COUNT
    goal = genre is not None  # the design measured what was sent to help numbers
    english = goal and column == "message"
    most, share = (48, 60) if english else (None, None)
    report.figure(f"{name}: frame of one alone, median", median(sizes), "B", most=most)
    report.figure(f"{name}: frame of one alone, mean", sum(sizes) / COUNT, "B", digits=1)
    report.figure(f"{name}: alone within one 50-byte credit", credit, "%", least=share)
    report.figure(
        f"{name}: signed alone, median", median(signed), "B", most=110 if english else None
    )
    report.figure(f"{name}: in a 340-byte frame", per_frame(packed(texts)), "texts", digits=2)
    together = per_frame(packed(texts, SIGNATURE_BYTES))
    report.figure(
        f"{name}: in a 340-byte frame with a signature",
        together,
        "texts",
        least=7 if english else None,
        digits=2,
    )
    if goal:
        beside.compare(texts, sizes, signed, report)
