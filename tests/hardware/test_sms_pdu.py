"""Messages as octets: the known vectors, every alphabet, and parts that fit and come back."""

import random
from datetime import UTC, datetime

import pytest

from hardware import gsm7
from hardware.sim.sms_network import _deliver, _submitted
from hardware.sms_pdu import (
    Coding,
    Deliver,
    Part,
    PduError,
    Piece,
    Report,
    decode,
    of_data,
    of_text,
    submit,
    validity_code,
)

STAMP = bytes.fromhex("62113281000000")


def brought(piece: Piece, sender: str = "+33612345678") -> Deliver:
    """What arrives where this piece was sent to."""
    message = submit("+262639000001", piece)
    found = decode(_deliver(_submitted(message.pdu[1:]), sender, STAMP))
    assert isinstance(found, Deliver)
    assert found.sender == sender
    return found


def test_the_vectors_of_the_reference() -> None:
    data = of_data(bytes.fromhex("00ff1a1b434b"))
    message = submit("+33612345678", data, validity_s=24 * 3600)
    assert message.length == 20
    assert message.pdu.hex().upper() == "0011000B913316325476F80004A70600FF1A1B434B"
    part = of_data(bytes(134), Part(0x5A, 3, 1))
    long = submit("+33612345678", part, validity_s=24 * 3600)
    assert long.length == 154
    assert long.pdu.hex().upper().startswith("0051000B913316325476F80004A78C0500035A0301")


def test_a_message_from_the_field() -> None:
    pdu = "07911326040000F0040B911346610089F60000208062917314080CC8F71D14969741F977FD07"
    found = decode(bytes.fromhex(pdu))
    assert found == Deliver(
        "+31641600986",
        Coding.GSM7,
        "How are you?",
        sent_at=datetime(2002, 8, 26, 19, 37, 41, tzinfo=UTC),
    )


def test_septets_are_packed_as_the_standard_says() -> None:
    septets = gsm7.encode("hellohello")
    assert septets is not None
    assert gsm7.pack(septets).hex() == "e8329bfd4697d9ec37"


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(1, 0), (300, 0), (301, 1), (43_200, 143), (86_400, 167), (172_800, 168), (604_800, 173)],
)
def test_validity(seconds: float, code: int) -> None:
    assert validity_code(seconds) == code
    assert validity_code(1e12) == 255


def test_every_sign_of_the_alphabet_comes_back() -> None:
    alphabet = "".join(sign for sign in gsm7._SEPTETS)
    (piece,) = of_text(alphabet[:100])
    (rest,) = of_text(alphabet[100:])
    assert brought(piece).text + brought(rest).text == alphabet
    assert gsm7.encode("ê") is None


@pytest.mark.parametrize("alphabet", ["ab cé", "€[]~x", "été 🌋 ê"])
@pytest.mark.parametrize("letters", [1, 69, 70, 71, 152, 153, 154, 159, 160, 161, 400, 1000])
def test_texts_of_any_length_come_back(alphabet: str, letters: int) -> None:
    chance = random.Random(letters)
    text = "".join(chance.choice(alphabet) for _ in range(letters))
    found = [brought(piece) for piece in of_text(text, 0x1C7)]
    assert "".join(one.text for one in found) == text
    parts = [one.part for one in found]
    if len(found) == 1:
        assert parts == [None]
    else:
        assert parts == [Part(0xC7, len(found), at) for at in range(1, len(found) + 1)]


def test_how_much_goes_into_one_message() -> None:
    assert len(of_text("a" * 160)) == 1
    assert len(of_text("a" * 161)) == 2
    assert len(of_text("a" * (2 * 153))) == 2
    assert len(of_text("ê" * 70)) == 1
    assert len(of_text("ê" * (2 * 67))) == 2
    assert brought(of_data(bytes(range(140)))).data == bytes(range(140))
    assert len(of_data(bytes(133), Part(0x5A5A, 2, 1)).octets) == 140


@pytest.mark.parametrize("size", [141, 1000])
def test_what_does_not_fit_is_refused(size: int) -> None:
    with pytest.raises(PduError):
        of_data(bytes(size))
    with pytest.raises(PduError):
        of_text("a" * (256 * 153))
    with pytest.raises(PduError):
        of_text("")


@pytest.mark.parametrize("number", ["", "+", "12", "0692ab", "+1234567890123456789012", "٣٤٥"])
def test_what_is_no_number(number: str) -> None:
    with pytest.raises(PduError):
        submit(number, of_data(b"x"))


def test_senders_with_names_and_short_numbers() -> None:
    name = gsm7.encode("Orange")
    assert name is not None
    packed = gsm7.pack(name)
    head = bytes([0, 4, 2 * len(packed), 0xD0]) + packed + bytes([0, 0]) + STAMP
    found = decode(head + bytes([1]) + b"a")
    assert isinstance(found, Deliver) and (found.sender, found.text) == ("Orange", "a")
    assert brought(of_data(b"x"), "3646").sender == "3646"


@pytest.mark.parametrize(
    ("scheme", "coding"),
    [(0, 0), (4, 4), (8, 8), (0x15, 4), (0x18, 8), (0xF5, 4), (0xF1, 0), (0xE0, 8), (0xC8, 0)],
)
def test_coding_schemes(scheme: int, coding: int) -> None:
    found = decode(bytes([0, 4, 4, 0x81, 0x21, 0x43, 0, scheme]) + STAMP + b"\2ab")
    assert isinstance(found, Deliver) and found.coding == coding


def test_reports() -> None:
    head = bytes([0, 6, 42, 4, 0x81, 0x21, 0x43]) + 2 * STAMP
    assert decode(head + b"\0") == Report("1234", 42, 0)
    for status, delivered, final in ((0, True, True), (0x30, False, False), (0x46, False, True)):
        found = Report("1234", 42, status)
        assert (found.delivered, found.final) == (delivered, final)


def test_impossible_parts_are_whole_messages() -> None:
    for total, number in ((0, 1), (2, 3), (2, 0)):
        piece = of_data(b"x", Part(7, 2, 1))
        octets = bytes([5, 0, 3, 7, total, number]) + b"x"
        found = brought(Piece(piece.coding, len(octets), octets, True))
        assert (found.part, found.data) == (None, b"x")


@pytest.mark.parametrize("junk", [b"", b"\0", b"\0\1", b"\x0b\x91", bytes(256), b"\0\4\x30\x91"])
def test_junk_is_refused(junk: bytes) -> None:
    with pytest.raises(PduError):
        decode(junk)


def test_every_shortening_is_refused() -> None:
    whole = _deliver(_submitted(submit("+1234", of_data(b"hello")).pdu[1:]), "+5678", STAMP)
    for size in range(len(whole)):
        with pytest.raises(PduError):
            decode(whole[:size])
