"""Plain words leave at most once by themselves, and what came is kept once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from crisiskit.clock import wall_ms
from crisiskit.sim.world import VAULT
from crisiskit.speaking import Speaking
from crisiskit.store import words
from crisiskit.store.store import Store
from crisiskit.store.views import Views
from crisiskit.store.words import Words
from transports.link import LinkError, Trouble
from transports.plain import Fate, Heard, MaybeSentError

NUMBER = "+262639555555"


class Mouth:
    """A link for words: says, refuses, does not know, or never ends."""

    def __init__(self, *ends: BaseException | None) -> None:
        self.said: list[tuple[str, str]] = []
        self._ends = list(ends)

    async def say(self, number: str, text: str) -> int:
        self.said.append((number, text))
        end = self._ends.pop(0) if self._ends else None
        if isinstance(end, asyncio.CancelledError):
            await asyncio.get_running_loop().create_future()
        if end is not None:
            raise end
        return len(self.said)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(tmp_path / "store.db", wall_ms, VAULT)) as made:
        yield made


def listed(store: Store) -> list[Words]:
    with closing(Views(store.path, VAULT)) as views:
        return words.listed(views, 100)


def states(store: Store) -> list[str]:
    return [one.state.value for one in listed(store)]


async def speak(store: Store, mouth: Mouth, until: Callable[[], bool]) -> None:
    talk = asyncio.create_task(Speaking(store, "phone", mouth).run())
    async with asyncio.timeout(60):
        while not until():
            await asyncio.sleep(0.01)
    talk.cancel()
    await asyncio.wait({talk})


async def test_words_are_sent_in_order_and_delivered(store: Store) -> None:
    for text in ("one", "two"):
        words.keep(store, "phone", NUMBER, text)
    words.keep(store, "other", NUMBER, "three")
    mouth = Mouth()
    await speak(store, mouth, lambda: states(store) == ["sent", "sent", "kept"])
    assert mouth.said == [(NUMBER, "one"), (NUMBER, "two")]
    talk = Speaking(store, "phone", mouth)
    talk.fate(Fate("0639555555", 2, True))
    talk.fate(Fate("+33100000000", 1, True))
    assert states(store) == ["sent", "delivered", "kept"]
    talk.fate(Fate(NUMBER, 1, False))
    assert states(store)[0] == "undelivered"


async def test_what_may_have_been_sent_is_never_sent_again(store: Store) -> None:
    words.keep(store, "phone", NUMBER, "one")
    mouth = Mouth(MaybeSentError(Trouble.NO_SERVICE))
    await speak(store, mouth, lambda: states(store) == ["maybe"])
    await speak(store, mouth, lambda: True)
    assert len(mouth.said) == 1


async def test_a_crash_in_the_middle_leaves_maybe(store: Store) -> None:
    words.keep(store, "phone", NUMBER, "one")
    mouth = Mouth(asyncio.CancelledError())
    await speak(store, mouth, lambda: states(store) == ["sending"] and bool(mouth.said))
    assert states(store) == ["sending"]
    again = Mouth()
    await speak(store, again, lambda: states(store) == ["maybe"])
    assert again.said == []


async def test_what_surely_was_not_sent_is_tried_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crisiskit.speaking.RETRY_MIN_S", 0.01)
    words.keep(store, "phone", NUMBER, "one")
    mouth = Mouth(LinkError(Trouble.NO_SERVICE, "", 0.01), LinkError(Trouble.BUSY, "", 0.01))
    await speak(store, mouth, lambda: states(store) == ["sent"])
    assert len(mouth.said) == 3


async def test_what_the_network_refuses_is_said_and_does_not_block(store: Store) -> None:
    for text in ("one", "two"):
        words.keep(store, "phone", NUMBER, text)
    mouth = Mouth(LinkError(Trouble.REFUSED))
    await speak(store, mouth, lambda: states(store) == ["refused", "sent"])


def test_words_that_came_are_kept_once_and_sealed(store: Store) -> None:
    talk = Speaking(store, "phone", Mouth())
    for _ in range(3):
        talk.heard(Heard(NUMBER, "au secours", 1_795_456_800_000))
    talk.heard(Heard(NUMBER, "au secours", 1_795_456_900_000))
    assert [(one.number, one.text, one.state) for one in listed(store)] == [
        (NUMBER, "au secours", "heard")
    ] * 2
    files = b"".join(path.read_bytes() for path in store.path.parent.iterdir() if path.is_file())
    assert b"au secours" not in files and b"639555555" not in files


def test_a_flood_of_words_has_an_end(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "HEARD_MAX", 5)
    mine = words.keep(store, "phone", NUMBER, "mine")
    for at in range(20):
        words.hear(store, "phone", NUMBER, f"spam {at}", at)
    assert [one.text for one in listed(store)] == ["mine", *(f"spam {at}" for at in range(15, 20))]
    assert listed(store)[0].id == mine
