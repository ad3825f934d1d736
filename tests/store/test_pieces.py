"""Files in the store: durable with their message, and harmless whatever a station sends."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random

import pytest

from crisiskit.attachment import attachment_words, file_name, read_attached, save
from crisiskit.codec.pieces import FILE_BYTES_MAX, cut_file
from crisiskit.codec.record import record_digest
from crisiskit.crypto.vault import Vault
from crisiskit.errors import CrisiskitError
from crisiskit.model import Attached, Direction, Message, Precedence, Record, RecordKind, Whole
from crisiskit.step import Arrived, EpochHeard, Expired
from crisiskit.store import pieces
from crisiskit.store.store import Draft, NewPairing, Store
from crisiskit.store.views import Views

VAULT = Vault(bytes(32))
OWN, PEER = b"o" * 16, b"p" * 16
NOISE = Random(1).randbytes(3000)
TEXT = Record(RecordKind.TEXT, Precedence.ROUTINE, 29_000_000, "the bridge")
NAME = record_digest(PEER, TEXT)


class Home:
    """A center with one kit, and envelopes of that kit as they come."""

    def __init__(self, folder: Path) -> None:
        self.now = 1_790_000_000_000
        self.store = Store(folder / "store.db", lambda: self.now, VAULT)
        self.store.set_meta(role=b"center", name=b"center", own_fp=OWN, network_id=bytes(16))
        chain = bytes(32)
        self.store.add_pairing(NewPairing(1, "kit-1", PEER, chain, PEER, chain, chain, chain, True))
        self.store.apply([EpochHeard(1, 0, b"salt", chain)])
        self.views = Views(self.store.path, VAULT)
        self._seq = 0

    def come(self, records: Sequence[Record]) -> None:
        """An envelope with these records."""
        digests = tuple(record_digest(PEER, record) for record in records)
        self.store.apply(
            [
                Arrived(
                    1,
                    Direction.UP,
                    0,
                    b"salt",
                    self._seq,
                    bytes(40),
                    bytes(32),
                    "lan",
                    tuple(records),
                    digests,
                )
            ]
        )
        self._seq += 1

    def message(self) -> Message:
        """The one message that came in."""
        (found,) = self.views.search("in")
        return found


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path)
    yield made
    made.views.close()
    made.store.close()


def records(
    content: bytes = NOISE, name: str = "a.jpg", message: bytes = NAME, slice_bytes: int = 500
) -> list[Record]:
    datas = cut_file(message, name, content, slice_bytes)
    return [Record(RecordKind.FILE, Precedence.ROUTINE, 29_000_000, data=data) for data in datas]


Order = Callable[[list[Record]], list[Record]]
ORDERS: dict[str, Order] = {
    "as sent": lambda found: found,
    "backwards": lambda found: found[::-1],
    "all twice": lambda found: [*found, *found],
}


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS.keys())
def test_pieces_come_in_any_order_and_the_message_before_or_after(home: Home, order: Order) -> None:
    for record in order([TEXT, *records()]):
        home.come([record])
    (file,) = home.message().attachments
    assert (file.name, file.size, file.state, file.percent) == ("a.jpg", 3000, Whole.WHOLE, 100)
    assert home.views.file_content(file) == NOISE


def test_a_missing_piece_is_waited_for_and_nothing_is_saved_before(home: Home) -> None:
    head, first, *rest = records()
    home.come([TEXT, head, *rest])
    (file,) = home.message().attachments
    assert file.state is Whole.PARTLY and file.percent == 83
    with pytest.raises(CrisiskitError, match="file_not_whole"):
        home.views.file_content(file)
    home.come([first])
    assert home.views.file_content(home.message().attachments[0]) == NOISE


def test_two_files_with_the_same_bytes_are_two(home: Home) -> None:
    home.come([TEXT, *records(), *records(name="b.jpg")])
    names = [one.name for one in home.message().attachments]
    assert names == ["a.jpg", "b.jpg"]
    assert all(one.state is Whole.WHOLE for one in home.message().attachments)


def test_the_first_of_two_pieces_with_one_number_counts(home: Home) -> None:
    head, first, *rest = records()
    false = Record(first.kind, first.precedence, first.minute, data=first.data[:-1] + b"?")
    home.come([TEXT, head, first, false, *rest])
    assert home.views.file_content(home.message().attachments[0]) == NOISE


def test_a_file_whose_pieces_are_others_is_shown_as_damaged(home: Home) -> None:
    head, first, *rest = records()
    false = Record(first.kind, first.precedence, first.minute, data=first.data[:-1] + b"?")
    home.come([TEXT, head, false, *rest, first])
    (file,) = home.message().attachments
    assert file.state is Whole.WRONG and "damaged" in attachment_words(file, "en")
    with pytest.raises(CrisiskitError, match="file_wrong"):
        home.views.file_content(file)


def test_a_slice_with_a_number_beyond_the_last_changes_nothing(home: Home) -> None:
    found = records()
    beyond = found[1].data[:6] + b"\x40" + b"x" * 500
    home.come([TEXT, Record(RecordKind.FILE, Precedence.ROUTINE, 29_000_000, data=beyond), *found])
    assert home.views.file_content(home.message().attachments[0]) == NOISE


def test_a_piece_that_cannot_be_read_is_kept_and_harms_nothing(home: Home) -> None:
    home.come(
        [TEXT, Record(RecordKind.FILE, Precedence.ROUTINE, 29_000_000, data=b"?"), *records()]
    )
    assert home.views.file_content(home.message().attachments[0]) == NOISE


def test_thousands_of_half_files_are_given_up_oldest_first(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "OPEN_FILES_MAX", 20)
    home.come([TEXT, *records(name="whole.jpg")])
    halves = [records(name=f"{n}.jpg")[:3] for n in range(60)]
    for half in halves:
        home.come(half)
    found = home.message().attachments
    states = {one.name: one.state for one in found}
    assert states.pop("whole.jpg") is Whole.WHOLE
    given_up = [states[f"{n}.jpg"] is Whole.GIVEN_UP for n in range(60)]
    assert given_up == [True] * 40 + [False] * 20
    assert home.views.files_in() == (1, 20, 40)
    assert home.views.rows("SELECT count(*) FROM piece WHERE number > 0") == [(6 + 20 * 2,)]


def test_slices_without_a_head_are_bounded_too(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "OPEN_FILES_MAX", 20)
    for n in range(60):
        home.come(records(name=f"{n}.jpg")[1:2])
    assert home.views.rows("SELECT count(*) FROM piece") == [(20,)]


def test_half_a_file_is_given_up_after_a_month(home: Home) -> None:
    home.come([TEXT, *records()[:3]])
    home.now += 29 * 86_400_000
    home.store.prune()
    assert home.message().attachments[0].state is Whole.PARTLY
    home.now += 2 * 86_400_000
    home.store.prune()
    assert home.message().attachments[0].state is Whole.GIVEN_UP


def test_a_message_and_its_file_are_kept_together_or_not_at_all(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_given: object) -> None:
        raise CrisiskitError("disk_full")

    monkeypatch.setattr(pieces, "note_own", broken)
    draft = Draft(RecordKind.TEXT, Precedence.ROUTINE, "x", to="1", files=(Attached("a", NOISE),))
    with pytest.raises(CrisiskitError):
        home.store.keep([draft])
    assert home.store.kept() == [] and home.views.count() == 0


def test_a_file_is_listed_with_its_message_and_not_by_itself(home: Home) -> None:
    draft = Draft(RecordKind.TEXT, Precedence.ROUTINE, "x", to="1", files=(Attached("a", NOISE),))
    home.store.keep([draft])
    assert home.views.count() == 1 and home.views.waiting() == 1
    assert len(home.store.kept()) == 4


def test_a_replaced_message_takes_its_files_along(home: Home) -> None:
    for text in ("first", "second"):
        home.store.keep(
            [
                Draft(
                    RecordKind.TEXT,
                    Precedence.ROUTINE,
                    text,
                    to="1",
                    replace_key="view",
                    files=(Attached("a", NOISE),),
                )
            ]
        )
    assert len(home.store.kept()) == 4
    old, new = home.views.search("out")
    assert (old.attachments[0].state, new.attachments[0].state) == (Whole.WITHDRAWN, Whole.PARTLY)


def test_bytes_and_names_are_sealed_on_the_disk(home: Home) -> None:
    words = b"the secret of the bridge " * 9
    draft = Draft(
        RecordKind.TEXT, Precedence.ROUTINE, "x", to="1", files=(Attached("Sada.txt", words),)
    )
    home.store.keep([draft])
    home.store.apply([Expired((1,))])
    raw = b"".join(path.read_bytes() for path in home.store.path.parent.glob("store.db*"))
    assert b"Sada" not in raw and b"bridge" not in raw


# -- names and places ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("photo.jpg", "photo.jpg"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("/etc/passwd", "_etc_passwd"),
        (r"C:\Windows\a.exe", "C_Windows_a.exe"),
        ("..", "file"),
        ("", "file"),
        (".bashrc", "bashrc"),
        ("-rf", "rf"),
        ("a\x1b[2Jb\n.jpg", "a [2Jb .jpg"),
        ("photo\u202egpj.exe", "photo gpj.exe"),
        ("a\u200bb.jpg", "a b.jpg"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("école été.jpg", "école été.jpg"),
    ],
)
def test_a_name_is_one_part_of_a_path_and_all_of_it_is_seen(typed: str, shown: str) -> None:
    assert file_name(typed) == shown
    assert file_name(shown) == shown


def test_a_long_name_is_cut_and_keeps_its_end() -> None:
    name = file_name("é" * 300 + ".jpeg")
    assert len(name.encode()) <= 120 and name.endswith("é.jpeg")


def test_a_file_is_saved_for_its_owner_alone_and_never_over_another(tmp_path: Path) -> None:
    path = save(b"one", tmp_path / "a")
    assert path.read_bytes() == b"one" and stat.S_IMODE(path.stat().st_mode) == 0o600
    save(b"one", path)
    with pytest.raises(CrisiskitError, match="file_exists"):
        save(b"two", path)
    save(b"two", path, force=True)
    assert path.read_bytes() == b"two"
    (tmp_path / "link").symlink_to(path)
    save(b"three", tmp_path / "link", force=True)
    assert path.read_bytes() == b"two"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a", "link"]


def test_what_cannot_be_attached_is_said(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "large").write_bytes(bytes(FILE_BYTES_MAX + 1))
    for name, code in (
        ("empty", "attachment_empty"),
        ("large", "attachment_too_large"),
        ("none", "file_missing"),
        (".", "file_unreadable"),
    ):
        with pytest.raises(CrisiskitError, match=code):
            read_attached(tmp_path / name)
    (tmp_path / "most").write_bytes(bytes(FILE_BYTES_MAX))
    assert len(read_attached(tmp_path / "most").content) == FILE_BYTES_MAX
