"""Check bytes that mend a frame in which a byte was damaged on the line. Pure: no I/O, no clock.

The bytes are dealt to columns, byte i to column i modulo their number, at most 255 to each. A
column gets the two check bytes of RAID-6 (H. P. Anvin, "The mathematics of RAID-6"): the sum of
its bytes, and their sum weighted by powers of two, both in GF(2^8) with polynomial 11D. The two
differences name one damaged byte of the column and what it was. So 480 bytes take 4 more and
survive two damaged ones, if they stand next to each other. Whether the result is right is for
a checksum over the bytes to say: more damage is mended wrongly.
"""

from __future__ import annotations

COLUMN_BYTES_MAX = 255
CHECK_BYTES = 2

_POLYNOMIAL = 0x11D
_FIELD = 256


def _twice(value: int) -> int:
    doubled = value << 1
    return doubled ^ _POLYNOMIAL if doubled >= _FIELD else doubled


_TWICE = bytes(_twice(value) for value in range(_FIELD))


def _powers() -> bytes:
    """Two to the power of 0 to 254: every value but 0 once."""
    found = bytearray([1])
    while len(found) < COLUMN_BYTES_MAX:
        found.append(_TWICE[found[-1]])
    return bytes(found)


_POWERS = _powers()
_LOGARITHM = {value: power for power, value in enumerate(_POWERS)}


def check_bytes_of(body_bytes: int) -> int:
    """How many check bytes a body of so many gets."""
    return CHECK_BYTES * -(-body_bytes // COLUMN_BYTES_MAX)


def protected(body: bytes) -> bytes:
    """The body and its check bytes."""
    columns = -(-len(body) // COLUMN_BYTES_MAX)
    return body + b"".join(_checks(body[column::columns]) for column in range(columns))


def split(data: bytes) -> tuple[bytes, bytes]:
    """Body and check bytes of what ``protected`` made; a body may be empty."""
    columns = -(-len(data) // (COLUMN_BYTES_MAX + CHECK_BYTES))
    at = max(0, len(data) - CHECK_BYTES * columns)
    return data[:at], data[at:]


def repaired(body: bytes, checks: bytes) -> bytes:
    """The body with one damaged byte of each column mended; as it is where there is none."""
    columns = len(checks) // CHECK_BYTES
    mended = bytearray(body)
    for column in range(columns):
        own = mended[column::columns]
        plain, weighted = _checks(own)
        plain ^= checks[CHECK_BYTES * column]
        weighted ^= checks[CHECK_BYTES * column + 1]
        if not plain or not weighted:
            continue  # unharmed, or one of the check bytes is what was damaged
        after = (_LOGARITHM[weighted] - _LOGARITHM[plain]) % COLUMN_BYTES_MAX
        if after < len(own):
            mended[column + columns * (len(own) - 1 - after)] ^= plain
    return bytes(mended)


def _checks(column: bytes | bytearray) -> bytes:
    """The sum of the bytes, and the sum in which each stands doubled for every one after it."""
    plain = weighted = 0
    for value in column:
        plain ^= value
        weighted = _TWICE[weighted] ^ value
    return bytes((plain, weighted))
