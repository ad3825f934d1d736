"""The floor rises with every epoch, outlives every backup, and is never guessed."""

from __future__ import annotations

from errno import ENOSPC
from pathlib import Path

import pytest

from crisiskit.errors import CrisiskitError, StoreError
from crisiskit.floor import Floor
from crisiskit.step import Announced, EpochOpened


def opened(epoch: int) -> EpochOpened:
    return EpochOpened(1, epoch, b"salt", bytes(16), bytes(32))


def test_a_new_installation_has_no_floor(tmp_path: Path) -> None:
    path = tmp_path / "epoch.floor"
    assert Floor(path).epoch == -1 and not path.exists()


def test_it_rises_with_the_highest_epoch_of_all_pairings_and_never_falls(tmp_path: Path) -> None:
    path = tmp_path / "epoch.floor"
    floor = Floor(path)
    floor.note([opened(4), Announced(1), opened(7), opened(5)])
    assert (floor.epoch, Floor(path).epoch) == (7, 7)
    floor.note([opened(6)])
    assert (floor.epoch, Floor(path).epoch) == (7, 7)


def test_what_opens_no_epoch_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "epoch.floor"
    Floor(path).note([Announced(1)])
    assert not path.exists()


@pytest.mark.parametrize("content", [b"", b"seven\n", b"7" * 100, b"\xff\xfe"])
def test_a_damaged_floor_is_told_and_not_guessed(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "epoch.floor"
    path.write_bytes(content)
    with pytest.raises(CrisiskitError, match="file_"):
        Floor(path)


def test_a_floor_that_cannot_be_written_is_trouble_of_the_disk_and_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "epoch.floor"
    floor = Floor(path)

    def full(*_: object) -> None:
        raise OSError(ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("crisiskit.floor.write_whole", full)
        with pytest.raises(StoreError) as caught:
            floor.note([opened(4)])
    assert caught.value.code == "disk_full" and floor.epoch == -1
    floor.rise_to(4)
    assert Floor(path).epoch == 4
