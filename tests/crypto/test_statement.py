"""A signature in the log can never be taken for a signature over anything else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from crisiskit.crypto.identity import KitIdentity, verified
from crisiskit.crypto.statement import log_statement

NETWORK, KIT, DIGEST = b"n" * 16, b"k" * 16, b"d" * 32
sixteen = st.binary(min_size=16, max_size=16)


def test_it_is_the_label_the_network_the_kit_and_the_chain_value() -> None:
    assert log_statement(NETWORK, KIT, DIGEST) == b"crisiskit/1 sig\0" + NETWORK + KIT + DIGEST


@given(sixteen, sixteen, st.binary(min_size=32, max_size=32))
def test_another_network_kit_or_log_is_another_statement(
    network: bytes, kit: bytes, digest: bytes
) -> None:
    same = (network, kit, digest) == (NETWORK, KIT, DIGEST)
    assert (log_statement(network, kit, digest) == log_statement(NETWORK, KIT, DIGEST)) is same


def test_a_signature_is_right_for_its_key_and_statement_alone() -> None:
    author, other = KitIdentity(b"a" * 32), KitIdentity(b"o" * 32)
    said = log_statement(NETWORK, KIT, DIGEST)
    signature = author.sign(said)
    assert len(signature) == 64
    assert verified(author.public, signature, said)
    assert not verified(other.public, signature, said)
    assert not verified(author.public, signature, log_statement(NETWORK, KIT, bytes(32)))
    assert not verified(author.public, bytes(64), said)
    assert not verified(b"not a key", signature, said)
