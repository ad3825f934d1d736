"""Why bytes from outside were not taken: values, never exceptions that cross a layer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Reject(StrEnum):
    """One word per reason; the engine counts them, ``NO_BASE`` alone may pass later."""

    LENGTH = "length"
    VERSION = "version"
    KIND = "kind"
    HEADER = "header"
    SIGNED = "signed"
    CODEC = "codec"
    RECORD = "record"
    TEXT = "text"
    ACK = "ack"
    PART = "part"
    OBJECT = "object"
    FILE = "file"
    NO_BASE = "no_base"


@dataclass(frozen=True, slots=True)
class Rejected:
    """Bytes that were refused, and why."""

    code: Reject


class MalformedError(Exception):
    """Raised while reading, caught by the decoder that started the reading."""

    def __init__(self, code: Reject) -> None:
        super().__init__(code)
        self.code = code
