"""What arrives on an AT line becomes the right answer, whatever is mixed into it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.at import COUNT_LIMIT, Answer, Dialogue, Notice, Result, checksum

Event = Answer | Notice


def counted(payload: bytes) -> bytes:
    return len(payload).to_bytes(2, "big") + payload + checksum(payload)


def in_pieces(dialogue: Dialogue, data: bytes, size: int) -> list[Event]:
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    return [event for piece in pieces for event in dialogue.feed(piece)]


@pytest.mark.parametrize(
    ("payload", "expected"),
    [(b"hello", "0214"), (b"\xff" * 340, "52ac"), (b"", "0000")],
)
def test_checksum_vectors(payload: bytes, expected: str) -> None:
    assert checksum(payload).hex() == expected


def test_a_command_and_its_answer() -> None:
    dialogue = Dialogue()
    assert dialogue.command("AT+CSQ") == b"AT+CSQ\r"
    assert dialogue.feed(b"\r\n+CSQ:3\r\n\r\nOK\r\n") == [Answer(Result.OK, ("+CSQ:3",))]
    assert not dialogue.open


def test_an_error_is_an_answer() -> None:
    dialogue = Dialogue()
    dialogue.command("AT+SBDLOE")
    (answer,) = dialogue.feed(b"\r\nERROR\r\n")
    assert isinstance(answer, Answer)
    assert not answer.ok


@pytest.mark.parametrize("echo", [b"AT+CGSN\r", b"AT+CGSN\r\r\n", b""])
def test_the_echo_is_no_part_of_the_answer(echo: bytes) -> None:
    dialogue = Dialogue()
    dialogue.command("AT+CGSN")
    events = dialogue.feed(echo + b"\r\n300234010753370\r\n\r\nOK\r\n")
    assert events == [Answer(Result.OK, ("300234010753370",))]
    assert dialogue.echoed is bool(echo)


@pytest.mark.parametrize("place", range(4))
def test_unsolicited_lines_between_the_lines_of_an_answer_are_sorted_out(place: int) -> None:
    lines = [b"\r\n300234010753370\r\n", b"\r\nOK\r\n", b"", b""]
    lines[place] = b"\r\nSBDRING\r\n" + lines[place] + b"\r\n+CIEV:0,4\r\n"
    dialogue = Dialogue()
    dialogue.command("AT+CGSN")
    events = dialogue.feed(b"".join(lines))
    assert [event for event in events if isinstance(event, Notice)] == [
        Notice("SBDRING"),
        Notice("+CIEV:0,4"),
    ]
    assert Answer(Result.OK, ("300234010753370",)) in events


def test_unsolicited_lines_without_a_command_and_stray_lines() -> None:
    dialogue = Dialogue()
    events = dialogue.feed(b"\r\nHARDWARE FAILURE: 4,1\r\nOK\r\n+SBDIX: 0, 1, 2\r\nSBDRING\r\n")
    assert events == [Notice("HARDWARE FAILURE: 4,1"), Notice("SBDRING")]


def test_writing_a_payload() -> None:
    dialogue = Dialogue()
    assert dialogue.command_for_prompt("AT+SBDWB=5") == b"AT+SBDWB=5\r"
    assert dialogue.feed(b"AT+SBDWB=5\r\r\nREADY\r\n") == [Answer(Result.READY)]
    assert dialogue.payload(b"hello").hex() == "68656c6c6f0214"
    assert dialogue.feed(b"\r\n0\r\n\r\nOK\r\n") == [Answer(Result.OK, ("0",))]


@pytest.mark.parametrize("verdict", ["2", "3"])
def test_a_payload_that_was_not_taken(verdict: str) -> None:
    dialogue = Dialogue()
    dialogue.payload(b"hello")
    assert dialogue.feed(f"\r\n{verdict}\r\n".encode()) == []
    assert dialogue.feed(b"\r\nOK\r\n") == [Answer(Result.OK, (verdict,))]


def test_no_ok_follows_when_the_modem_waited_too_long_for_the_payload() -> None:
    dialogue = Dialogue()
    dialogue.payload(b"hello")
    assert dialogue.feed(b"\r\n1\r\n") == [Answer(Result.OK, ("1",))]


def test_a_refused_size_comes_instead_of_the_prompt() -> None:
    dialogue = Dialogue()
    dialogue.command_for_prompt("AT+SBDWB=9999")
    assert dialogue.feed(b"\r\n3\r\n\r\nOK\r\n") == [Answer(Result.OK, ("3",))]


@pytest.mark.parametrize(
    "payload",
    [b"hello", b"XOK\r\n", b"\r\nOK\r\n", b"0123456789", b"0123456789abc", b"", b"\xff" * 270],
    ids=["vector", "ends like a line", "OK", "length 10", "length 13", "empty", "largest"],
)
@pytest.mark.parametrize("echo", [b"AT+SBDRB\r", b""], ids=["echo", "no echo"])
def test_counted_bytes_are_counted(payload: bytes, echo: bytes) -> None:
    for size in (1, 3, 1000):
        dialogue = Dialogue()
        dialogue.command_for_bytes("AT+SBDRB")
        events = in_pieces(dialogue, echo + counted(payload) + b"\r\nOK\r\n", size)
        assert events == [Answer(Result.OK, (), payload)]


@given(payload=st.binary(max_size=COUNT_LIMIT), size=st.integers(1, 400), ring=st.booleans())
def test_any_payload_in_any_pieces(payload: bytes, size: int, ring: bool) -> None:
    dialogue = Dialogue()
    dialogue.command_for_bytes("AT+SBDRB")
    before = b"\r\nSBDRING\r\n" if ring else b""
    events = in_pieces(dialogue, before + counted(payload) + b"\r\nOK\r\n", size)
    assert events[-1] == Answer(Result.OK, (), payload)
    assert len(events) == 1 + ring


def test_a_wrong_checksum_and_a_wrong_count_are_corrupt() -> None:
    dialogue = Dialogue()
    dialogue.command_for_bytes("AT+SBDRB")
    (answer,) = dialogue.feed(b"\x00\x05hellO\x02\x14\r\nOK\r\n")
    assert answer == Answer(Result.CORRUPT)
    dialogue.command_for_bytes("AT+SBDRB")
    assert dialogue.feed(b"\x07\xff") == [Answer(Result.CORRUPT)]
    dialogue.command_for_bytes("AT+SBDRB")
    assert dialogue.feed(b"\r\nOK\r\n") == [Answer(Result.CORRUPT)]


def test_one_command_at_a_time() -> None:
    dialogue = Dialogue()
    dialogue.command("AT")
    with pytest.raises(RuntimeError):
        dialogue.command("AT+CSQ")
    dialogue.reset()
    dialogue.command("AT+CSQ")


def test_after_a_reset_the_rest_of_the_old_answer_is_dropped() -> None:
    dialogue = Dialogue()
    dialogue.command_for_bytes("AT+SBDRB")
    dialogue.feed(b"\x00\x05he")
    dialogue.reset()
    dialogue.feed(b"llo\x02\x14\r\nOK\r\n")
    dialogue.command("AT")
    assert dialogue.feed(b"\r\nOK\r\n") == [Answer(Result.OK)]


@given(noise=st.binary(max_size=3000), after=st.sampled_from(["lines", "prompt", "bytes", "idle"]))
def test_noise_never_breaks_the_dialogue(noise: bytes, after: str) -> None:
    dialogue = Dialogue()
    if after == "lines":
        dialogue.command("AT")
    elif after == "prompt":
        dialogue.command_for_prompt("AT+SBDWB=5")
    elif after == "bytes":
        dialogue.command_for_bytes("AT+SBDRB")
    dialogue.feed(noise)
    dialogue.reset()
    dialogue.command("AT")
    assert dialogue.feed(b"\r\nOK\r\n") == [Answer(Result.OK)]


def test_endless_noise_takes_no_memory() -> None:
    dialogue = Dialogue()
    dialogue.command("AT")
    dialogue.feed(b"\xff" * 200_000)
    for _ in range(2000):
        dialogue.feed(b"\nnonsense" * 10)
    (answer,) = dialogue.feed(b"\r\nOK\r\n")
    assert isinstance(answer, Answer)
    assert sum(map(len, answer.lines)) < 20_000
