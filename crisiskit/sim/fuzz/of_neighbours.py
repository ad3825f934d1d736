"""What a neighbour, or somebody who would be one, says on a local network.

A changed introduction is accepted by nobody: who is taken for a neighbour said exactly what a
real one says. That holds for what is sealed rightly, too, by whoever knows the network's name.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from crisiskit.codec.reject import Reject, Rejected
from crisiskit.crypto.enrol import Request, make_reply
from crisiskit.crypto.identity import CenterIdentity, KitIdentity
from crisiskit.crypto.introduction import Introduction, Papers
from crisiskit.sim.fuzz.decoder import Decoder
from crisiskit.sync.offer import Offer, decode_offer, encode_offer

_RNG = random.Random(3)
_CENTER, _KIT = CenterIdentity.make(_RNG.randbytes), KitIdentity.make(_RNG.randbytes)
_LIFE = bytes(8)
_REFUSED = Rejected(Reject.HEADER)


def decoders() -> tuple[Decoder, ...]:
    """All of them."""
    caller, listener = _caller(), _listener()
    opening = caller.opening()
    answer = listener.take(opening)
    assert answer is not None
    proof = caller.take(answer)
    assert proof is not None
    said = _listener_after(opening).open(proof)
    assert said is not None
    return (
        _exact("introduction opening", opening, lambda data: _listener().take(data)),
        _exact("introduction answer", answer, lambda data: _caller().take(data)),
        _exact("introduction proof", proof, lambda data: _listener_after(opening).take(data)),
        _exact("introduction words", said, lambda data: _sealed_and_taken(opening, answer, data)),
        Decoder("offer", (_offer(0), _offer(50)), _decode_offer, again=encode_offer),
    )


def _exact(name: str, valid: bytes, take: Callable[[bytes], bytes | None]) -> Decoder:
    """A door that opens to one word only."""

    def decode(data: bytes) -> bytes | Rejected:
        return _REFUSED if take(data) is None else valid

    return Decoder(name, (valid,), decode, again=bytes, canonical=True)


def _caller() -> Introduction:
    reply = make_reply(_CENTER, 7, Request("Delta", _KIT.public, bytes(32), bytes(32)))
    papers = Papers(_CENTER.network_id, _CENTER.authority_public, _KIT.public, reply, _KIT.sign)
    return Introduction(papers, True, _LIFE, random.Random(4).randbytes, _nobody)


def _listener() -> Introduction:
    public = _CENTER.authority_public
    papers = Papers(_CENTER.network_id, public, public, b"", _CENTER.sign)
    return Introduction(papers, False, _LIFE, random.Random(5).randbytes, _nobody)


def _listener_after(opening: bytes) -> Introduction:
    listener = _listener()
    listener.take(opening)
    return listener


def _sealed_and_taken(opening: bytes, answer: bytes, data: bytes) -> bytes | None:
    """What a listener makes of any words, sealed as they should be."""
    caller = _caller()
    caller._agree(answer[:32], opening[1:33] + answer[:32])
    return _listener_after(opening).take(caller.seal(data))


def _nobody(number: int) -> bool:
    return False


def _offer(credit_bytes: int) -> bytes:
    return encode_offer(Offer(True, 340, credit_bytes, 10, 1800, 600, 20))


def _decode_offer(data: bytes) -> Offer | Rejected:
    return decode_offer(data) or _REFUSED
