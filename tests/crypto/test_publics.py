"""Public keys that a person hands over: from our own files, or from a list."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisiskit.crypto.enrol import make_center_file, make_request, read_center_file
from crisiskit.crypto.identity import CenterIdentity, KitIdentity
from crisiskit.crypto.publics import Holder, read_public_keys
from crisiskit.errors import TrustError

KIT = KitIdentity(bytes(range(32)))
CENTER = CenterIdentity(bytes(range(128)))
FILE = make_center_file(CENTER, "Prefecture", exercise=False)
REQUEST, _SECRET = make_request(KIT, "Delta-2", read_center_file(FILE), bytes)


def test_a_center_file_names_its_authority() -> None:
    assert read_public_keys(FILE) == {
        CENTER.authority_public: Holder("Prefecture", CENTER.network_id)
    }


def test_a_request_names_its_kit() -> None:
    assert read_public_keys(REQUEST) == {KIT.public: Holder("Delta-2")}


def test_a_list_names_as_many_as_there_are() -> None:
    text = f"\ufeff# keys\r\n\r\n{KIT.public.hex()}  Delta 2\n{'AB' * 32}\tÉcho\n"
    assert read_public_keys(text.encode()) == {
        KIT.public: Holder("Delta 2"),
        b"\xab" * 32: Holder("Écho"),
    }


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"# none", id="comment"),
        pytest.param(b"\xff\xfe", id="no-text"),
        pytest.param(KIT.public, id="bare-key"),
        pytest.param(KIT.public.hex().encode(), id="no-name"),
        pytest.param(KIT.public.hex().encode() + b" \x1b[31m", id="control"),
        pytest.param(b"AB Delta-2", id="short-key"),
        pytest.param(FILE[:-1], id="cut-center-file"),
        pytest.param(REQUEST[:-1], id="cut-request"),
        pytest.param(REQUEST.replace(b"Delta-2", b"Delta-3"), id="other-name"),
    ],
)
def test_what_holds_no_key_is_refused(data: bytes) -> None:
    with pytest.raises(TrustError):
        read_public_keys(data)


@given(st.binary(max_size=200))
def test_any_bytes_are_keys_or_refused(noise: bytes) -> None:
    for data in (noise, b"CKCN1" + noise, b"CKRQ1" + noise):
        try:
            keys = read_public_keys(data)
        except TrustError:
            continue
        assert {len(key) for key in keys} == {32}
