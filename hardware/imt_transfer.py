"""Messages of Iridium IMT on their way over the serial line, in segments. Pure.

A message of 1 to 100 000 bytes travels with its CRC-16/XMODEM behind it, big endian. The modem
asks for segments of an outgoing one by offset; those of an incoming one may come repeated,
overlapping and in any order. Source: rock7/RockBLOCK-9704.
"""

from __future__ import annotations

from binascii import crc_hqx

PAYLOAD_BYTES_MAX = 100_000
CRC_BYTES = 2
MESSAGE_BYTES_MAX = PAYLOAD_BYTES_MAX + CRC_BYTES
SEGMENT_BYTES_MAX = 1446


def with_crc(payload: bytes) -> bytes:
    """The message: the payload and its CRC."""
    return payload + crc_hqx(payload, 0).to_bytes(CRC_BYTES, "big")


def without_crc(message: bytes) -> bytes | None:
    """The payload of a message, None when it is empty or its CRC is wrong."""
    payload, crc = message[:-CRC_BYTES], message[-CRC_BYTES:]
    if not payload or crc_hqx(payload, 0) != int.from_bytes(crc, "big"):
        return None
    return payload


def segment(message: bytes, start: int, length: int) -> bytes | None:
    """The bytes a modem asked for, None when it asked for some that do not exist."""
    if start < 0 or length < 1 or start + length > len(message):
        return None
    return message[start : start + length]


class Incoming:
    """A message that arrives in segments."""

    def __init__(self, bytes_max: int = MESSAGE_BYTES_MAX) -> None:
        """``bytes_max``: what the modem announced; more than a message can have counts less."""
        self._bytes_max = min(bytes_max, MESSAGE_BYTES_MAX)
        self._bytes = bytearray()
        self._there = bytearray()

    def put(self, start: int, data: bytes) -> bool:
        """Place a segment at its offset; whether it lies inside the message."""
        end = start + len(data)
        if start < 0 or end > self._bytes_max:
            return False
        if end > len(self._bytes):
            self._bytes.extend(bytes(end - len(self._bytes)))
            self._there.extend(bytes(end - len(self._there)))
        self._bytes[start:end] = data
        self._there[start:end] = b"\1" * len(data)
        return True

    def payload(self) -> bytes | None:
        """The payload, None while bytes are missing or when its CRC is wrong."""
        if 0 in self._there:
            return None
        return without_crc(bytes(self._bytes))
