"""A frame that all could read is sealed on the disk, and opens as what it was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisiskit.codec.header import FrameKind, Header, encode_header
from crisiskit.codec.parts import cut
from crisiskit.crypto.vault import Vault
from crisiskit.errors import TrustError
from crisiskit.model import Direction, Precedence
from crisiskit.step import Arrived, EpochHeard, EpochOpened, Forked, PartArrived
from crisiskit.step import Sealed as SealedStep
from crisiskit.store import frames, order_views
from crisiskit.store.logbook import Logbook
from crisiskit.store.schema import Sealed
from crisiskit.store.store import NewPairing, Store
from crisiskit.store.views import Views
from crisiskit.trusted import Quarantined

VAULT = Vault(bytes(32))
WORDS = b"Ford at Dembeni passable"
SALT = b"salt"


def frame(kind: FrameKind, text: bytes = WORDS) -> bytes:
    return encode_header(Header(kind, 1, Direction.UP, Precedence.ROUTINE, 0)) + text + b"the tag!"


@pytest.mark.parametrize("kind", FrameKind)
def test_what_is_not_encrypted_is_sealed(kind: FrameKind) -> None:
    kept = frames.stored(VAULT, frame(kind), Sealed.ARRIVED_FRAME, 1, 2, 3)
    encrypted = kind in (FrameKind.SEALED, FrameKind.PART, FrameKind.RECEIPT)
    assert (WORDS in kept) == encrypted
    assert frames.opened(VAULT, kept, Sealed.ARRIVED_FRAME, 1, 2, 3) == frame(kind)
    if not encrypted:
        for place, row in ((Sealed.FORK_FRAME, (1, 2, 3)), (Sealed.ARRIVED_FRAME, (1, 2, 4))):
            with pytest.raises(TrustError):
                frames.opened(VAULT, kept, place, *row)


@given(st.binary(max_size=200))
def test_any_bytes_come_back(noise: bytes) -> None:
    kept = frames.stored(VAULT, noise, Sealed.SET_ASIDE_FRAME, 7)
    assert frames.opened(VAULT, kept, Sealed.SET_ASIDE_FRAME, 7) == noise


def test_what_was_dropped_and_what_was_stored_bare_stay_as_they_are() -> None:
    for kept in (b"", frame(FrameKind.CLEAR)):
        assert frames.opened(VAULT, kept, Sealed.ENVELOPE_FRAME, 1, 2, 3) == kept


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "store.db", lambda: 1_790_000_000_000, VAULT)
    made.set_meta(role=b"center", name=b"center", own_fp=bytes(16))
    key = bytes(32)
    made.add_pairing(NewPairing(1, "kit-1", bytes(16), key, bytes(16), key, key, key, True))
    yield made
    made.close()


def test_every_table_gives_a_clear_frame_back_and_its_file_says_nothing(
    store: Store, tmp_path: Path
) -> None:
    clear = frame(FrameKind.CLEAR)
    header = Header(FrameKind.CLEAR, 1, Direction.UP, Precedence.ROUTINE, 5)
    part = cut(encode_header(header) + WORDS * 20, header, 100, bytes(16))[2]
    assert WORDS in part
    arrived = Arrived(1, Direction.UP, 0, SALT, 0, clear, b"", "ham", (), (), waits=True)
    store.apply(
        [
            EpochHeard(1, 0, SALT, bytes(32)),
            EpochOpened(1, 0, SALT, bytes(16), bytes(32)),
            arrived,
            Forked(1, 0, SALT, 0, frame(FrameKind.CLEAR, WORDS + b"!")),
            PartArrived(1, 0, SALT, 5, 2, 9, part),
            SealedStep(1, 0, 0, clear, Precedence.ROUTINE, bytes(32), bytes(32), ()),
            Quarantined(None, 9, "ham", clear),
            Quarantined(None, 9, "ham", part),
            Quarantined(None, 9, "ham", frame(FrameKind.OBJECT)),
        ]
    )
    assert WORDS[:8] not in (tmp_path / "store.db").read_bytes()
    assert store.tag(1, 0, SALT, 0) == clear[-8:]
    (pairing,) = store.snapshot().pairings
    assert [one.frame for one in pairing.parts] == [part]
    assert pairing.heard[0].waiting == ((0, clear, "ham"),)
    views, book = Views(store.path, VAULT), Logbook(store.path, VAULT)
    aside = [clear, part, frame(FrameKind.OBJECT)]
    assert [row[3] for row in order_views.frames(views.rows, "")] == aside
    assert order_views.quarantine(views.rows)[0].frame_bytes == sum(map(len, aside))
    (life,) = book.lives(1, "in")
    assert [entry.frame for entry in book.entries(life)] == [clear]
    book.close()
    views.close()
