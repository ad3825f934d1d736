"""A second reader of codec 2, written from docs/wire-text-model.md and the table file alone.

It shares no code with crisiskit: if the page and the program differ, one of them is wrong. Tests
load this file by its path.
"""

from __future__ import annotations

from bisect import bisect_left
from pathlib import Path

CODEC = Path(__file__).resolve().parents[2] / "crisiskit" / "codec"
DATA = (CODEC / "textmodel" / "textmodel-1.bin").read_bytes()
LOW30 = (1 << 30) - 1
CAPITALS = [*range(0x41, 0x5B), *range(0xC0, 0xD7), *range(0xD8, 0xDF), 0x8A, 0x8C, 0x8E, 0x9F]
SMALL = [*range(0x61, 0x7B), *range(0xE0, 0xF7), *range(0xF8, 0xFF), 0x9A, 0x9C, 0x9E, 0xFF]
SEEN = (1, 2, 3, 4, 6, 9, 14, 20)


def cut_table() -> dict[str, bytes]:
    """Section 2."""
    sizes = {"magic": 5, "fold": 256, "order": 256, "cuts": 255, "starts": 4096}
    sizes |= {"weights": 121632, "checks": 1 << 20, "states": 1 << 20}
    parts, at = {}, 0
    for name, size in sizes.items():
        parts[name] = DATA[at : at + size]
        at += size
    assert at == len(DATA)
    return parts


T = cut_table()
STARTS = [int.from_bytes(T["starts"][at : at + 2], "big") for at in range(0, 4096, 2)]


def squashed() -> dict[int, int]:
    """Section 3."""
    term = grown = 1 << 60
    for n in range(1, 12):
        term //= 256 * n
        grown += term
    out, x = {0: 32768}, 1 << 60
    for s in range(1, 2048):
        x = x * grown // (1 << 60)
        out[s] = x * 65536 // (x + (1 << 60))
        out[-s] = max(65535 - out[s], 1)
    return out


SQUASH = squashed()
RISING = [SQUASH[s] for s in range(-2047, 2048)]
STRETCH = [min(bisect_left(RISING, 16 * u) - 2047, 2047) for u in range(4096)]


def hashed(a: int, b: int) -> int:
    return ((a + b + 1) % (1 << 30) * 739982445 >> 15) & LOW30


SALT = [hashed(hashed(0, 1000 + v), v) >> 1 for v in range(8)]
NODE_SALT = [hashed(hashed(0, 5000 + n), n) for n in range(255)]


class Past:
    """Section 4."""

    def __init__(self) -> None:
        self.symbols: list[int] = [0, 0, 0, 0, 0]
        self.word = self.previous = 0

    def hashes(self) -> list[int]:
        last, before = self.symbols[-1], self.symbols[-2]
        out = [SALT[0], hashed(last, SALT[1]), hashed(256 * last + before, SALT[2])]
        g = 0
        for back in range(1, 6):
            g = hashed(g, T["fold"][self.symbols[-back]])
            if back >= 3:
                out.append(hashed(g, SALT[back]))
        out.append(hashed(self.word, SALT[6] + 1 if last == 0x20 else SALT[6]))
        out.append(hashed(self.word ^ (self.previous >> 3), SALT[7]))
        return out

    def add(self, symbol: int) -> None:
        folded = T["fold"][symbol]
        self.symbols.append(symbol)
        if 97 <= folded <= 122 or folded == 48 or symbol >= 0x80:
            self.word = hashed(self.word, folded)
        elif self.word:
            self.previous, self.word = self.word, 0


class Stream:
    """Sections 5 to 9, for one stream."""

    def __init__(self, coded: bytes) -> None:
        self.coded = coded
        self.padded = coded + bytes(70000)
        self.at, self.low, self.high = 4, 0, 0xFFFFFFFF
        self.met: dict[int, tuple[int, int, int]] = {}
        self.sets: dict[int, list[int]] = {}

    @property
    def value(self) -> int:
        return int.from_bytes(self.padded[self.at - 4 : self.at], "big")

    def texts(self, count: int) -> list[str]:
        found = []
        for _ in range(count):
            past, symbols = Past(), bytearray()
            while symbol := self.symbol(past):
                symbols.append(symbol)
                past.add(symbol)
            found.append(letters(bytes(symbols)))
        assert (self.padded[: self.at - 4] + self.end()).rstrip(b"\0") == self.coded
        return found

    def symbol(self, past: Past) -> int:
        node, start, stop = 0, 0, 256
        lost = [False] * 8
        hashes = past.hashes()
        while True:
            cut = T["cuts"][node]
            if self.decide(node, hashes, lost, past.symbols[-1]):
                node, start = node + cut - start, cut
            else:
                node, stop = node + 1, cut
            if stop - start == 1:
                return T["order"][start]

    def known(self, view: int, key: int, lost: list[bool]) -> tuple[int, int, int]:
        if key in self.met:
            return self.met[key]
        if not lost[view]:
            q = key * 919792463
            slot, check = (q >> 17) & (1 << 20) - 1, 1 + (q >> 37) % 255
            for place in (slot, slot ^ 1):
                if T["checks"][place] == check:
                    state = T["states"][place]
                    k = state >> 5
                    return STARTS[256 * view + state], SEEN[k], k + 1
            lost[view] = True
        return 32768, 0, 0

    def decide(self, node: int, hashes: list[int], lost: list[bool], last: int) -> int:
        keys = [found ^ NODE_SALT[node] for found in hashes]
        known = [self.known(view, key, lost) for view, key in enumerate(keys)]
        inputs = [STRETCH[probability >> 4] for probability, _, _ in known]
        places = [14 * view + known[view][2] for view in range(8)]
        longest = max([view for view in range(6) if known[view][2]], default=0)
        numbers = (
            longest + 8 * (known[7][2] != 0) + 16 * (known[6][2] != 0),
            32 + node,
            287 + last,
        )
        outputs = []
        for number in numbers:
            weights = self.weights(number)
            total = sum(inputs[view] * weights[places[view]] for view in range(8))
            outputs.append(max(-2047, min(2047, total >> 16)))
        bit = self.bit(SQUASH[sum(outputs) // 3])
        for number, output in zip(numbers, outputs, strict=True):
            error = 65536 * bit - SQUASH[output]
            for view, place in enumerate(places):
                if inputs[view]:
                    change = (inputs[view] * error * 16 + 131072) >> 18
                    self.sets[number][place] += change
        for key, (probability, seen, trust) in zip(keys, known, strict=True):
            rate = 655360 // (10 * seen + 16)
            change = (65535 - probability) * rate if bit else -probability * rate
            trust = 9 if trust == 0 else trust + 1 if 9 <= trust <= 12 else trust
            self.met[key] = probability + (change >> 16), min(seen + 1, 30), trust
        return bit

    def weights(self, number: int) -> list[int]:
        if number not in self.sets:
            piece = T["weights"][number * 224 : (number + 1) * 224]
            pairs = [piece[at : at + 2] for at in range(0, 224, 2)]
            self.sets[number] = [4 * int.from_bytes(pair, "big", signed=True) for pair in pairs]
        return self.sets[number]

    def bit(self, p: int) -> int:
        middle = self.low + ((self.high - self.low) * p >> 16)
        bit = int(self.value <= middle)
        if bit:
            self.high = middle
        else:
            self.low = middle + 1
        while self.low >> 24 == self.high >> 24:
            self.low = self.low % (1 << 24) << 8
            self.high = (self.high % (1 << 24) << 8) + 255
            self.at += 1
        return bit

    def end(self) -> bytes:
        for count in range(5):
            step = 1 << 32 - 8 * count
            number = (self.low + step - 1) // step
            if number * step <= self.high:
                return number.to_bytes(count, "big")
        raise AssertionError


def letters(symbols: bytes) -> str:
    """Section 1."""
    if symbols[:1] == b"\2":
        pairs = dict(zip(SMALL, CAPITALS, strict=True))
        symbols = bytes(pairs.get(symbol, symbol) for symbol in symbols[1:])
    out, at = "", 0
    while at < len(symbols):
        if symbols[at] == 1:
            lead = symbols[at + 1]
            size = 1 if lead < 0x80 else 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
            out += symbols[at + 1 : at + 1 + size].decode()
            at += 1 + size
        else:
            out += symbols[at : at + 1].decode("cp1252")
            at += 1
    return out
