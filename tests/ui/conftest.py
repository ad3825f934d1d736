"""Real databases, both languages, and a screen of 80x24 that is read as a person reads it."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from textual.pilot import Pilot

import crisiskit
from crisiskit import i18n, keystore
from crisiskit.center.desk import DeskApp
from crisiskit.clock import wall_ms
from crisiskit.codec.objects import AUTHORITY, ObjectKind, SignedObject, object_data
from crisiskit.crypto.enrol import make_center_file
from crisiskit.crypto.identity import CenterIdentity
from crisiskit.crypto.trust import sign
from crisiskit.crypto.vault import Vault
from crisiskit.field.app import FieldApp
from crisiskit.foresight import Foresight
from crisiskit.model import CENTER, Direction, Precedence, Record, RecordKind
from crisiskit.screens.app import StationApp
from crisiskit.screens.estimator import Estimator
from crisiskit.step import Arrived, EpochHeard, Now
from crisiskit.store.store import Draft, NewPairing, Store
from crisiskit.store.views import Views
from crisiskit.sync.orders import OrderBook
from crisiskit.sync.plan import Estimate
from crisiskit.sync.policy import Wait, Why

PO = Path(crisiskit.__file__).parent / "locale" / "fr" / "LC_MESSAGES" / "crisiskit.po"
VAULT = Vault(bytes(32))
FP = b"kit-------------"
KEYS = CenterIdentity(bytes(range(128)))


class Station:
    """An installation's database, written as the agent and people write it."""

    def __init__(self, path: Path, role: str, kits: int = 1, exercise: bool = False) -> None:
        self.path = path
        self.role = role
        self._seq = 0
        self.store = Store(path, wall_ms, VAULT)
        own = FP if role == "kit" else b"center----------"
        self.store.set_meta(
            role=role.encode(),
            name=b"kit-1" if role == "kit" else b"center",
            network=b"Mayotte",
            own_fp=own,
            network_id=KEYS.network_id,
            authorities=KEYS.authority_public,
            exercise=b"1" if exercise else b"0",
            kit_number=b"1" if role == "kit" else b"0",
        )
        if role == "center":
            (path.parent / "keys").mkdir(exist_ok=True)
            keystore.create(path.parent, own, {keystore.IDENTITY: KEYS.secret}, None)
            known = make_center_file(KEYS, "Mayotte", exercise)
            (path.parent / "network.ckcn").write_bytes(known)
        for number in range(1, kits + 1):
            name = CENTER if role == "kit" else f"kit-{number}"
            other = b"%-16d" % number
            kit_fp, peer_fp = (own, other) if role == "kit" else (other, own)
            chain = bytes(32)
            self.store.add_pairing(
                NewPairing(number, name, kit_fp, chain, peer_fp, chain, chain, chain, role != "kit")
            )
            self.store.apply([EpochHeard(number, 0, b"salt", chain)])

    def receive(
        self,
        text: str,
        precedence: Precedence = Precedence.ROUTINE,
        kind: RecordKind = RecordKind.TEXT,
        kit: int = 1,
    ) -> None:
        """A message comes in."""
        self._seq += 1
        record = Record(kind, precedence, wall_ms() // 60_000, text)
        way = Direction.UP if self.role == "center" else Direction.DOWN
        digest = self._seq.to_bytes(16, "little")
        arrived = Arrived(kit, way, 0, b"salt", self._seq, b"f", b"", "wifi", (record,), (digest,))
        self.store.apply([arrived])

    def receive_order(self, text: str, **changes: object) -> SignedObject:
        """A signed order comes in, from the center's authority unless ``changes`` say else."""
        plain = SignedObject(ObjectKind.ORDER, self._seq + 1, wall_ms() // 1000, (AUTHORITY,))
        wanted = replace(plain, text=text, life=8, answer=True)
        signed = sign(replace(wanted, **changes), KEYS.network_id, KEYS.sign)  # type: ignore[arg-type]
        self._seq += 1
        now = Now(0.0, wall_ms())
        record = Record(
            RecordKind.ORDER, Precedence.IMMEDIATE, now.minute, signed.text, object_data(signed)
        )
        digest = self._seq.to_bytes(16, "little")
        arrived = Arrived(
            1, Direction.DOWN, 0, b"salt", self._seq, b"f", b"", "wifi", (record,), (digest,)
        )
        state = self.store.snapshot().orders
        assert state is not None
        ordered = OrderBook(state).records(1, (record,), (digest,), now)
        self.store.apply([arrived, *ordered])
        return signed

    def keep(self, text: str, **how: object) -> None:
        """A message is written by another process."""
        precedence = how.pop("precedence", Precedence.ROUTINE)
        self.store.keep([Draft(RecordKind.TEXT, precedence, text, **how)])  # type: ignore[arg-type]

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        """What is in the database, asked past the code under test; ``opened`` reads a text."""
        with sqlite3.connect(self.path) as db:
            db.create_function(
                "opened", 2, lambda t, row: VAULT.open(t, "record.text", row).decode()
            )
            return db.execute(sql).fetchall()

    def view(self) -> Views:
        """A reader of its own."""
        return Views(self.path, VAULT)


@pytest.fixture(scope="session")
def catalogs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The French texts, freshly compiled."""
    place = tmp_path_factory.mktemp("locale")
    compiled = io.BytesIO()
    with PO.open("rb") as source:
        write_mo(compiled, read_po(source, locale="fr"))
    messages = place / "fr" / "LC_MESSAGES"
    messages.mkdir(parents=True)
    (messages / "crisiskit.mo").write_bytes(compiled.getvalue())
    return place


@pytest.fixture(autouse=True)
def lang(
    request: pytest.FixtureRequest, catalogs: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The language of the test: English unless it asks for others."""
    wanted = getattr(request, "param", "en")
    monkeypatch.setattr(i18n, "LOCALES", catalogs)
    monkeypatch.setattr(i18n, "_chosen", wanted)
    i18n._catalog.cache_clear()
    yield wanted
    i18n._catalog.cache_clear()


@pytest.fixture
def station() -> type[Station]:
    """For tests that need another one than ``kit`` and ``center``."""
    return Station


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[Station]:
    station = Station(tmp_path / "store.db", "kit")
    yield station
    station.store.close()


@pytest.fixture
def center(tmp_path: Path) -> Iterator[Station]:
    station = Station(tmp_path / "store.db", "center", kits=3)
    yield station
    station.store.close()


@pytest.fixture
def price() -> Estimator:
    """A link whose price grows with every letter."""

    def price(draft: Draft) -> Foresight:
        size, micros = 40 + len(draft.text), 10_000 * len(draft.text)
        down = Estimate("satellite", size, 1, micros, 20.0, why=Why.DOWN)
        return Foresight((down,), Wait(Why.DOWN))

    return price


Show = Callable[..., AbstractAsyncContextManager[Pilot[None]]]


@pytest.fixture
def show(price: Estimator) -> Show:
    """Run the screen of a station at 80x24."""

    @asynccontextmanager
    async def shown(
        station: Station, size: tuple[int, int] = (80, 24)
    ) -> AsyncIterator[Pilot[None]]:
        kind: type[StationApp] = FieldApp if station.role == "kit" else DeskApp
        async with kind(station.path, VAULT, price).run_test(size=size) as pilot:
            await pilot.pause()
            yield pilot

    return shown


@pytest.fixture
def seen() -> Callable[[Pilot[None]], list[str]]:
    """The lines on the glass, as characters without any style."""

    def lines(pilot: Pilot[None]) -> list[str]:
        return [strip.text for strip in pilot.app.screen._compositor.render_strips()]

    return lines


@pytest.fixture
def wait(seen: Callable[[Pilot[None]], list[str]]) -> Callable[..., object]:
    """Wait until words stand on the glass; the glass as one text."""

    async def until(pilot: Pilot[None], words: str) -> str:
        for _try in range(100):
            await pilot.pause(0.02)
            glass = "\n".join(seen(pilot))
            if words in glass:
                return glass
        raise AssertionError(f"{words!r} never came:\n{glass}")

    return until
