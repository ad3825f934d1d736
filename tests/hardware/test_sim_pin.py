"""A PIN is tried once, whatever happens; a person who writes it anew allows one more try."""

import os
from pathlib import Path

import pytest

from hardware.sim_pin import PinError, PinFile


def write(path: Path, text: str, mode: int = 0o600) -> PinFile:
    path.unlink(missing_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return PinFile(path)


def test_it_is_given_once(tmp_path: Path) -> None:
    pin = write(tmp_path / "pin", "1234\n")
    assert pin.take() == "1234"
    for again in (pin, PinFile(tmp_path / "pin")):
        with pytest.raises(PinError, match="tried already"):
            again.take()


def test_an_accepted_one_may_be_entered_after_the_next_power_cut(tmp_path: Path) -> None:
    pin = write(tmp_path / "pin", "1234")
    for _ in range(3):
        assert pin.take() == "1234"
        pin.accepted()


def test_a_changed_file_is_another_try(tmp_path: Path) -> None:
    write(tmp_path / "pin", "1234").take()
    os.utime(tmp_path / "pin", ns=(1, 1))
    assert PinFile(tmp_path / "pin").take() == "1234"
    assert write(tmp_path / "pin", "4321").take() == "4321"


@pytest.mark.parametrize("text", ["", "123", "123456789", "12a4", '1234"\r', "١٢٣٤"])
def test_what_is_no_pin_is_never_tried(tmp_path: Path, text: str) -> None:
    with pytest.raises(PinError):
        write(tmp_path / "pin", text).take()
    assert not (tmp_path / "pin.tried").exists()


def test_others_may_not_read_it(tmp_path: Path) -> None:
    with pytest.raises(PinError, match="chmod 600") as caught:
        write(tmp_path / "pin", "1234", 0o644).take()
    assert "1234" not in str(caught.value)
    with pytest.raises(PinError):
        PinFile(tmp_path / "missing").take()
