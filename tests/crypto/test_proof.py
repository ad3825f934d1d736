"""A proof holds exactly when its author signed a log with this record in it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crisiskit.codec.chain import (
    chain_next,
    chain_start,
    envelope_leaf,
    leaf_of,
    root_from_path,
)
from crisiskit.codec.checkpoint import Checkpoint, encode_checkpoint
from crisiskit.codec.header import FrameKind, Header, associated_data
from crisiskit.codec.proof import Proof, decode_proof, encode_proof
from crisiskit.codec.record import record_digest
from crisiskit.codec.reject import Rejected
from crisiskit.crypto.enrol import make_center_file
from crisiskit.crypto.identity import CenterIdentity, KitIdentity, kit_fingerprint
from crisiskit.crypto.proof import Flaw, check_proof, make_proof
from crisiskit.crypto.publics import Holder, read_public_keys
from crisiskit.crypto.statement import log_statement
from crisiskit.model import Direction, Precedence, Record, RecordKind

KIT = KitIdentity(bytes(range(32)))
OTHER = KitIdentity(bytes(32))
CENTER = CenterIdentity(bytes(128))
SALT, EPOCH = b"salt", 3
TRUSTED = {KIT.public: Holder("Delta-2"), CENTER.authority_public: Holder("Prefecture")}


def record(number: int) -> Record:
    return Record(RecordKind.TEXT, Precedence.ROUTINE, 29_000_000 + number, f"word {number}")


def header(number: int, direction: Direction) -> Header:
    return Header(FrameKind.SEALED, 7, direction, Precedence.ROUTINE, number)


def proven(
    sizes: list[int],
    number: int,
    place: int,
    direction: Direction = Direction.UP,
    whole: bool = False,
    center: CenterIdentity = CENTER,
) -> Proof:
    """The proof of one record of a log whose envelopes carry so many records each."""
    signer = KIT if direction is Direction.UP else center
    public = KIT.public if direction is Direction.UP else center.authority_public
    author_fp = kit_fingerprint(public)
    envelopes = [[record(1000 * at + one) for one in range(size)] for at, size in enumerate(sizes)]
    leaves = [
        envelope_leaf(
            associated_data(header(at, direction)),
            [record_digest(author_fp, one) for one in some],
        )
        for at, some in enumerate(envelopes)
    ]
    chain = [chain_start(direction, EPOCH, SALT, KIT.fingerprint)]
    for leaf in leaves:
        chain.append(chain_next(chain[-1], leaf))
    return make_proof(
        network=center.network_id,
        kit_fp=KIT.fingerprint,
        epoch=EPOCH,
        salt=SALT,
        author_public=public,
        header=header(number, direction),
        record=envelopes[number][place],
        digests=[record_digest(author_fp, one) for one in envelopes[number]],
        place=place,
        previous=chain[0 if whole else number],
        earlier=leaves[:number] if whole else (),
        following=leaves[number + 1 :],
        signature=signer.sign(log_statement(center.network_id, KIT.fingerprint, chain[-1])),
    )


def vouched(proof: Proof, **lies: object) -> Proof:
    """The same record without its signature, in a life that a later checkpoint names."""
    chain = proof.previous
    root = root_from_path(
        record_digest(KIT.fingerprint, proof.record), proof.place, proof.count, proof.path
    )
    for leaf in (leaf_of(associated_data(proof.header), root), *proof.following):
        chain = chain_next(chain, leaf)
    count = proof.header.counter + len(proof.following) + 1
    names = replace(Checkpoint(EPOCH, SALT, count, chain), **lies)  # type: ignore[arg-type]
    data = encode_checkpoint(names)
    later = Record(RecordKind.CHECKPOINT, Precedence.ROUTINE, 29_000_009, data=data)
    first = header(0, Direction.UP)
    digest = record_digest(KIT.fingerprint, later)
    start = chain_start(Direction.UP, EPOCH + 1, SALT, KIT.fingerprint)
    end = chain_next(start, envelope_leaf(associated_data(first), [digest]))
    voucher = make_proof(
        network=CENTER.network_id,
        kit_fp=KIT.fingerprint,
        epoch=EPOCH + 1,
        salt=SALT,
        author_public=KIT.public,
        header=first,
        record=later,
        digests=[digest],
        place=0,
        previous=start,
        following=[],
        signature=KIT.sign(log_statement(CENTER.network_id, KIT.fingerprint, end)),
    )
    return replace(proof, signature=b"", voucher=voucher)


def test_a_checkpoint_of_a_later_life_stands_for_a_signature() -> None:
    checked = check_proof(VOUCHED, TRUSTED)
    assert (checked.flaw, checked.epoch_proven) == (None, True)
    assert decode_proof(encode_proof(VOUCHED)) == VOUCHED


@pytest.mark.parametrize(
    "lie", [{"epoch": 9}, {"salt": b"salz"}, {"count": 2}, {"count": 4}, {"digest": bytes(32)}]
)
def test_a_checkpoint_of_another_log_vouches_for_nothing(lie: dict[str, object]) -> None:
    assert check_proof(vouched(PROOF, **lie), TRUSTED).flaw is Flaw.VOUCHER


def test_only_a_checkpoint_of_the_same_author_and_log_vouches() -> None:
    assert VOUCHED.voucher is not None
    for voucher in (
        PROOF,
        replace(VOUCHED.voucher, kit_fp=OTHER.fingerprint),
        replace(VOUCHED.voucher, author_public=OTHER.public),
        replace(VOUCHED.voucher, network_id=bytes(16)),
    ):
        assert check_proof(replace(VOUCHED, voucher=voucher), TRUSTED).flaw is Flaw.VOUCHER
    forged = replace(VOUCHED.voucher, signature=bytes(64))
    assert check_proof(replace(VOUCHED, voucher=forged), TRUSTED).flaw is Flaw.SIGNATURE


def test_a_voucher_needs_a_signature_of_its_own() -> None:
    assert VOUCHED.voucher is not None
    twice = replace(VOUCHED, voucher=replace(VOUCHED.voucher, signature=b"", voucher=PROOF))
    with pytest.raises(ValueError, match="no proof"):
        encode_proof(twice)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.data())
@settings(max_examples=50)
def test_every_record_of_a_signed_log_is_proved(sizes: list[int], data: st.DataObject) -> None:
    number = data.draw(st.integers(0, len(sizes) - 1))
    place = data.draw(st.integers(0, sizes[number] - 1))
    direction = data.draw(st.sampled_from(Direction))
    whole = data.draw(st.booleans())
    proof = proven(sizes, number, place, direction, whole)
    checked = check_proof(proof, TRUSTED)
    assert checked.flaw is None
    assert checked.author == ("Delta-2" if direction is Direction.UP else "Prefecture")
    assert (checked.number, checked.signed_at) == (number, len(sizes) - 1)
    assert checked.digest == record_digest(checked.author_fp, record(1000 * number + place))
    assert checked.epoch_proven is (whole or number == 0)


@given(st.data())
@settings(max_examples=300)
def test_no_byte_of_what_is_proved_can_change(data: st.DataObject) -> None:
    """Who, what, when, where in the log: all but what a proof only states (``_as_stated``)."""
    proof = data.draw(st.sampled_from([*PROOFS, WHOLE, VOUCHED]))
    bent = bytearray(encode_proof(proof))
    place = data.draw(st.integers(0, len(bent) - 1))
    bent[place] ^= data.draw(st.integers(1, 255))
    found = decode_proof(bytes(bent))
    if not isinstance(found, Rejected) and check_proof(found, TRUSTED).flaw is None:
        assert found == _as_stated(proof, found)


def _as_stated(proof: Proof, other: Proof) -> Proof:
    """``proof`` with the few fields of ``other`` that no signature covers.

    Place and count say the way up the tree and no more. Epoch and salt go into the chain before
    envelope 0 and can be seen where the chain is shown from there.
    """
    stated = replace(proof, place=other.place, count=other.count)
    if len(proof.earlier) != proof.header.counter:
        stated = replace(stated, epoch=other.epoch, salt=other.salt)
    return stated


def test_the_number_of_neighbors_is_not_proved() -> None:
    assert check_proof(replace(PROOFS[1], count=4), TRUSTED).flaw is None


PROOFS = [proven([2, 3, 2], number, 1) for number in range(3)]
PROOF = proven([2, 3, 2], 1, 2)
WHOLE = proven([2, 3, 2], 2, 1, whole=True)
VOUCHED = vouched(PROOF)
FIRST = proven([2, 3, 2], 0, 1)
DOWN = proven([1, 1], 1, 0, Direction.DOWN)


@pytest.mark.parametrize(
    ("proof", "flaw"),
    [
        (replace(PROOF, kit_fp=OTHER.fingerprint), Flaw.AUTHOR),
        (replace(PROOF, author_public=OTHER.public), Flaw.AUTHOR),
        (replace(DOWN, author_public=KIT.public), Flaw.AUTHOR),
        (replace(DOWN, network_id=bytes(16)), Flaw.AUTHOR),
        (replace(FIRST, epoch=EPOCH + 1), Flaw.START),
        (replace(FIRST, salt=b"salz"), Flaw.START),
        (replace(FIRST, previous=bytes(32)), Flaw.START),
        (replace(WHOLE, epoch=EPOCH + 1), Flaw.START),
        (replace(WHOLE, earlier=WHOLE.earlier[::-1]), Flaw.SIGNATURE),
        (replace(PROOF, network_id=bytes(16)), Flaw.SIGNATURE),
        (replace(PROOF, record=record(1)), Flaw.SIGNATURE),
        (replace(PROOF, record=replace(PROOF.record, minute=0)), Flaw.SIGNATURE),
        (replace(PROOF, previous=bytes(32)), Flaw.SIGNATURE),
        (replace(PROOF, following=()), Flaw.SIGNATURE),
        (replace(PROOF, header=header(2, Direction.UP)), Flaw.SIGNATURE),
        (replace(PROOF, signature=bytes(64)), Flaw.SIGNATURE),
    ],
)
def test_each_lie_has_its_reason(proof: Proof, flaw: Flaw) -> None:
    assert check_proof(proof, TRUSTED).flaw is flaw


def test_a_proof_by_a_stranger_proves_nothing_about_ours() -> None:
    assert check_proof(PROOF, {}).flaw is Flaw.KEY_UNKNOWN
    assert check_proof(PROOF, {OTHER.public: Holder("Delta-2")}).flaw is Flaw.KEY_UNKNOWN
    assert check_proof(replace(PROOF, signature=bytes(64)), {}).flaw is Flaw.SIGNATURE


def test_what_does_not_fit_together_is_no_proof() -> None:
    with pytest.raises(ValueError, match="signature"):
        make_proof(
            network=CENTER.network_id,
            kit_fp=KIT.fingerprint,
            epoch=EPOCH,
            salt=SALT,
            author_public=KIT.public,
            header=header(1, Direction.UP),
            record=record(1),
            digests=[bytes(16)],
            place=0,
            previous=bytes(32),
            following=[],
            signature=bytes(64),
        )


def test_in_a_network_with_roots_the_center_file_says_who_its_authority_is() -> None:
    rooted = CenterIdentity(bytes(128), roots=(b"a" * 32, b"b" * 32, b"c" * 32))
    proof = proven([1, 1], 1, 0, Direction.DOWN, center=rooted)
    ours = read_public_keys(make_center_file(rooted, "Prefecture", exercise=False))
    checked = check_proof(proof, ours)
    assert (checked.flaw, checked.author) == (None, "Prefecture")
    assert check_proof(proof, {}).flaw is Flaw.KEY_UNKNOWN
    assert check_proof(proof, TRUSTED).flaw is Flaw.AUTHOR, "a bare key names no such network"
    other = CenterIdentity(bytes(128), roots=(b"x" * 32, b"b" * 32, b"c" * 32))
    theirs = read_public_keys(make_center_file(other, "Prefecture", exercise=False))
    assert check_proof(proof, theirs).flaw is Flaw.AUTHOR
    assert check_proof(DOWN, ours).flaw is Flaw.AUTHOR, "it knows that network by its roots"
