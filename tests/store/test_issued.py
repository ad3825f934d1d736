"""What a center gave out stays given out, whatever copy of its store comes back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from crisiskit import enrolment, orders
from crisiskit.backup import back_up, restore
from crisiskit.codec.objects import ObjectKind
from crisiskit.crypto.keystore import Keystore
from crisiskit.duty import open_signer
from crisiskit.installation import reading, writing
from crisiskit.keystore import data_key_of
from crisiskit.panic import erase_home
from crisiskit.store import issue
from crisiskit.store.issued import ISSUED


@pytest.fixture
def center(tmp_path: Path) -> Path:
    home = tmp_path / "center"
    enrolment.create_center(home, "Prefecture", exercise=False)
    return home


def admit(center: Path, name: str) -> int:
    home = center.with_name(name)
    enrolment.create_kit(home, name, (center / "network.ckcn").read_bytes())
    return enrolment.enrol(center, enrolment.make_request(home))[1]


def order(center: Path) -> int:
    with writing(center) as store:
        signer = open_signer(center, issue.trust(store), 255, lambda _name: "")
        return orders.give(store, orders.Wanted(ObjectKind.ORDER, (), "Stay."), signer).number


def revoke(center: Path, name: str) -> int:
    """The version of the list that tells the others."""
    with writing(center) as store:
        _number, listed = orders.revoke(center, store, name, "lost")
    assert listed is not None
    return listed.number


def refused(center: Path) -> set[int]:
    with reading(center) as views:
        rows = views.rows("SELECT p.kit_number FROM refused r JOIN pairing p ON p.id = r.pairing")
    return {row[0] for row in rows}


def notices(home: Path) -> list[str]:
    with reading(home) as views:
        return [notice.code for notice in views.notices()]


def brought_back(center: Path, file: Path) -> None:
    def unlock(keystore: Keystore) -> bytes:
        return data_key_of(center, keystore)

    restore(center, file, unlock)


@pytest.fixture
def later(center: Path) -> tuple[Path, Path]:
    """A center, and its backup from before an order, a kit and two revocations."""
    for name in ("kit-1", "kit-2", "kit-3"):
        admit(center, name)
    file = center.with_name("old.ckbk")
    back_up(center, file)
    assert (order(center), admit(center, "kit-4")) == (1, 4)
    assert (revoke(center, "kit-1"), revoke(center, "kit-4")) == (1, 2)
    return center, file


def test_after_a_restore_the_revoked_stay_refused_and_all_numbers_go_on(
    later: tuple[Path, Path],
) -> None:
    center, file = later
    brought_back(center, file)
    assert refused(center) == {1} and "issued_unknown" not in notices(center)
    assert (order(center), admit(center, "kit-5")) == (2, 5)
    assert revoke(center, "kit-2") == 3
    with writing(center) as store:
        assert issue.trust(store).revoked == {1, 2, 4}, "also whom the backup never knew"


def test_a_store_that_was_copied_back_by_hand_goes_on_as_well(center: Path) -> None:
    admit(center, "kit-1")
    old = shutil.copy(center / "store.db", center.with_name("old.db"))
    order(center)
    revoke(center, "kit-1")
    shutil.copy(old, center / "store.db")
    with writing(center) as store:
        store.resume_restored(7, bytes)
    assert refused(center) == {1} and order(center) == 2


@pytest.mark.parametrize("left", [None, b"", b"[]", b'{"order": -1}', b"[" * 100_000])
def test_without_the_file_the_operator_is_told_what_to_check(
    later: tuple[Path, Path], left: bytes | None
) -> None:
    center, file = later
    (center / ISSUED).unlink()
    if left is not None:
        (center / ISSUED).write_bytes(left)
    brought_back(center, file)
    with writing(center) as store:
        store.resume_restored(7, bytes)
    assert notices(center).count("issued_unknown") == 1
    assert order(center) == 1
    assert json.loads((center / ISSUED).read_bytes())["order"] == 1


def test_the_file_is_written_before_the_number_counts(
    center: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise OSError(5, "no such luck")

    monkeypatch.setattr("crisiskit.store.issued.write_whole", fails)
    with pytest.raises(Exception, match="store_io"):
        order(center)
    monkeypatch.undo()
    assert order(center) == 1


def test_a_panic_takes_it_along(later: tuple[Path, Path]) -> None:
    center, _file = later
    erase_home(center)
    assert not center.exists()
