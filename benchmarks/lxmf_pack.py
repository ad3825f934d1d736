"""Bytes that LXMF puts on the air for each text: run by the Python of build/peers.

Texts come as a JSON list on standard input, sizes leave as one on standard output. A text goes
as an opportunistic message: one Reticulum packet, encrypted and signed, the least LXMF has.
"""

from __future__ import annotations

import json
import sys

import LXMF  # type: ignore[import-not-found]
import RNS  # type: ignore[import-not-found]

HEADER_BYTES = 2 + 16 + 1  # flags and hops, destination, context


def on_air_bytes(text: str, to: RNS.Destination, source: RNS.Destination) -> int:
    """The packet, or header and ciphertext where one packet cannot hold the text."""
    message = LXMF.LXMessage(to, source, text, desired_method=LXMF.LXMessage.DIRECT)
    message.defer_stamp = False
    message.pack()
    # The packet names the destination, so the message inside does not.
    inner = message.packed[LXMF.LXMessage.DESTINATION_LENGTH :]
    try:
        packet = RNS.Packet(to, inner, create_receipt=False)
        packet.pack()
        return len(packet.raw)
    except OSError:
        return HEADER_BYTES + len(to.encrypt(inner))


def main() -> None:
    """Two fresh identities, all texts from one to the other."""
    source, to = (
        RNS.Destination(
            RNS.Identity(), RNS.Destination.OUT, RNS.Destination.SINGLE, "lxmf", "delivery"
        )
        for _ in range(2)
    )
    json.dump([on_air_bytes(text, to, source) for text in json.load(sys.stdin)], sys.stdout)


if __name__ == "__main__":
    main()
