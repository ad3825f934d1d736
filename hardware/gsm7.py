"""The alphabet of text messages: characters to septets, and septets packed into octets. Pure.

Source: 3GPP TS 23.038, 6.1.2.1 (packing), 6.2.1 (default alphabet), 6.2.1.1 (extension).
"""

from __future__ import annotations

ESCAPE = 0x1B
_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = {
    0x0A: "\f",
    0x14: "^",
    0x28: "{",
    0x29: "}",
    0x2F: "\\",
    0x3C: "[",
    0x3D: "~",
    0x3E: "]",
    0x40: "|",
    0x65: "€",
}
_SEPTETS = {
    **{character: bytes([code]) for code, character in enumerate(_BASIC) if code != ESCAPE},
    **{character: bytes([ESCAPE, code]) for code, character in _EXTENSION.items()},
}


def encode(text: str) -> bytes | None:
    """The septets of a text, one a byte, two for characters of the extension.

    None where a character is not in the alphabet.
    """
    try:
        return b"".join(_SEPTETS[character] for character in text)
    except KeyError:
        return None


def decode(septets: bytes) -> str:
    """The text. An unknown extension is the basic character, as the standard wants it."""
    text = []
    escaped = False
    for septet in septets:
        if escaped:
            text.append(_EXTENSION.get(septet, _BASIC[septet & 0x7F]))
            escaped = False
        elif septet == ESCAPE:
            escaped = True
        else:
            text.append(_BASIC[septet & 0x7F])
    return "".join(text)


def pack(septets: bytes, fill_bits: int = 0) -> bytes:
    """Septets packed from the low bits on, after ``fill_bits`` (0..6) empty bits."""
    number, bits = 0, fill_bits
    for septet in septets:
        number |= septet << bits
        bits += 7
    return number.to_bytes((bits + 7) // 8, "little")


def unpack(data: bytes, count: int, fill_bits: int = 0) -> bytes:
    """``count`` septets of packed octets; fewer where the octets end."""
    number = int.from_bytes(data, "little") >> fill_bits
    count = min(count, (8 * len(data) - fill_bits) // 7)
    return bytes(number >> 7 * place & 0x7F for place in range(max(0, count)))
