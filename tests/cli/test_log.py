"""Log lines: one for each event, easy to read for programs, silent about contents."""

from __future__ import annotations

import io
import logging
from pathlib import Path

import pytest

from crisiskit import log


def line(message: str, *values: object, trouble: BaseException | None = None) -> str:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(log.KeyValueFormatter())
    logger = logging.Logger("transports.tcp")
    logger.addHandler(handler)
    logger.error(message, *values, exc_info=trouble)
    return stream.getvalue()


def test_words_become_the_event_and_pairs_stay() -> None:
    written = line("tcp lost port=%d reason=%s", 7, "no answer")
    start, _space, rest = written.partition(" ")
    assert start.startswith("at=20")
    assert start.endswith("Z")
    expected = 'level=error from=transports.tcp event="tcp lost" port=7 reason=no answer\n'
    assert rest == expected
    assert line("link_up link=%s", "lan").endswith(" event=link_up link=lan\n")
    assert line("frames=3").endswith(" from=transports.tcp frames=3\n")
    assert line("plain").endswith(" event=plain\n")


@pytest.mark.parametrize("nasty", ["a\nb", "\x1b[31m", "x\rlevel=error", "\u2028", "\x85", '"\n'])
def test_nothing_can_forge_a_second_line(nasty: str) -> None:
    for written in (line("seen detail=%s", nasty), line(nasty)):
        assert len(written.splitlines()) == 1
        assert "\x1b" not in written


def test_an_exception_is_told_without_its_words() -> None:
    try:
        int("the secret body")
    except ValueError as error:
        written = line("link_bug link=%s", "lan", trouble=error)
    assert "error=ValueError" in written
    assert "places=test_log.py:" in written
    assert "secret" not in written


def test_a_file_stays_within_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "FILE_BYTES_MAX", 5000)
    monkeypatch.setattr(log, "A_MINUTE_MOST", 1000)
    before = logging.getLogger().handlers[:]
    with log.to_file(tmp_path / "agent.log"):
        for number in range(500):
            logging.getLogger("x").info("tick number=%d", number)
    logging.getLogger().handlers[:] = before
    files = sorted(tmp_path.iterdir())
    assert len(files) == 1 + log.FILES_KEPT
    assert all(path.stat().st_size <= 5000 for path in files)
    assert "number=499" in (tmp_path / "agent.log").read_text()


def record(message: str, *values: object, at_s: float = 0.0, level: int = 20) -> logging.LogRecord:
    made = logging.LogRecord("transports.tcp", level, "", 0, message, values, None)
    made.created = at_s
    return made


def test_a_stranger_cannot_fill_the_disk_with_one_event() -> None:
    sparing, lost = log.Sparing(), "tcp lost port=%d"
    passed = [sparing.filter(record(lost, n)) for n in range(1000)]
    assert sum(passed) == log.A_MINUTE_MOST and all(passed[: log.A_MINUTE_MOST])
    assert sparing.filter(record("link_up link=%s", "lan")), "another event is told"
    later = record(lost, 7, at_s=61.0)
    assert sparing.filter(later)
    assert later.getMessage() == f"tcp lost port=7 left_out={1000 - log.A_MINUTE_MOST}"
    following = record(lost, 8, at_s=62.0)
    assert sparing.filter(following) and following.getMessage() == "tcp lost port=8"


def test_who_asks_for_everything_gets_everything() -> None:
    sparing = log.Sparing()
    assert all(sparing.filter(record("tick", level=logging.DEBUG)) for _ in range(1000))


def test_many_kinds_of_events_take_bounded_memory() -> None:
    sparing = log.Sparing()
    for number in range(3 * log.KINDS_MOST):
        sparing.filter(record(f"kind {number}"))
    assert len(sparing._kinds) <= log.KINDS_MOST
