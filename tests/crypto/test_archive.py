"""A backup's chunks: all of them in their order, or nothing."""

from __future__ import annotations

import io
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crisiskit.crypto.archive import CHUNK_BYTES, MAGIC, Sealer, read_head
from crisiskit.crypto.keystore import Lock, new_keystore
from crisiskit.crypto.vault import TAG_BYTES, Vault
from crisiskit.errors import TrustError

KEY = bytes(range(32))
VAULT = Vault(KEY)
KEYSTORE = new_keystore(b"o" * 16, KEY, {}, Lock.KEY_FILE, b"k" * 32, bytes)
HEAD = len(MAGIC) + 2 + len(KEYSTORE.encode()) + 16
SEALED = CHUNK_BYTES + TAG_BYTES


def sealed(data: bytes, pieces: int = 1) -> bytes:
    out = io.BytesIO()
    sealer = Sealer(out, VAULT, KEYSTORE, os.urandom)
    step = max(1, len(data) // pieces)
    for at in range(0, len(data), step):
        sealer.write(data[at : at + step])
    sealer.close()
    return out.getvalue()


def opened(raw: bytes, vault: Vault = VAULT, step: int = -1) -> bytes:
    keystore, contents = read_head(io.BytesIO(raw))
    assert keystore == KEYSTORE
    opener, found = contents(vault), b""
    while piece := opener.read(step):
        found += piece
    return found


@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from([0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES]),
    st.integers(1, 9),
    st.sampled_from([-1, 1000, CHUNK_BYTES, 2 * CHUNK_BYTES]),
)
def test_what_goes_in_comes_out(size: int, pieces: int, step: int) -> None:
    data = os.urandom(size)
    raw = sealed(data, pieces)
    assert opened(raw, step=step) == data
    assert len(raw) - HEAD - size == TAG_BYTES * max(1, -(-size // CHUNK_BYTES))


def test_what_is_cut_moved_mixed_or_added_is_damaged() -> None:
    data = os.urandom(2 * CHUNK_BYTES + 100)
    raw, other = sealed(data), sealed(data)
    chunks = [raw[at : at + SEALED] for at in range(HEAD, len(raw), SEALED)]
    head = raw[:HEAD]
    for broken in (
        raw[:-1],
        head + chunks[0] + chunks[1],
        head + chunks[0],
        head,
        head[:-3],
        head[:40],
        head + chunks[1] + chunks[0] + chunks[2],
        head + chunks[0] + chunks[2],
        raw + b"x",
        raw + chunks[2],
        head + other[HEAD:],
    ):
        with pytest.raises(TrustError, match="backup_damaged"):
            opened(broken)


def test_another_key_opens_nothing() -> None:
    with pytest.raises(TrustError, match="backup_damaged"):
        opened(sealed(b"data"), Vault(bytes(32)))


@given(st.binary(max_size=200))
def test_other_files_are_no_backups(data: bytes) -> None:
    for raw in (data, MAGIC + data):
        with pytest.raises(TrustError, match="backup_"):
            opened(raw)
