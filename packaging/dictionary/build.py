"""Build the preset dictionary of the text codecs: crisiskit/codec/dictionary-1.bin.

    python packaging/dictionary/build.py FOLDER [-o FILE]

FOLDER holds cc0_sentences_en.txt.zst and cc0_sentences_fr.txt.zst, one sentence a line, to be
had from the Common Voice text corpus (CC0). Our own phrases stand beside this script. The same
input gives the same bytes. The result is part of the wire format: a dictionary that was ever
released is never built again under its number, a new one gets a new number and a new codec.

How: word groups are ranked by the bits they would save, a pool several times too large is
filled with the best, then texts are parsed against the pool as deflate would, and what saves
least is taken out, in rounds, until the size is reached. The most useful bytes come last, where
deflate's distances are shortest.
"""

from __future__ import annotations

import argparse
import hashlib
import heapq
import re
import sys
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import zstandard

HERE = Path(__file__).resolve().parent
DEFAULT_OUTPUT = HERE.parent.parent / "crisiskit" / "codec" / "dictionary-1.bin"
LANGUAGES = ("en", "fr")

# Deflate reaches back 32,768 B less 262 B of look-ahead.
SIZE = 32_500
ROUNDS = (70_000, 48_000, 38_000, 33_000)
POOL = 120_000
SAMPLE_PER_LANGUAGE = 8_000
PHRASE_COUNT_WEIGHT = 60
PHRASE_USE_WEIGHT = 24
GROUP_WORDS_MAX = 8
GROUP_SEEN_MIN = 3
MATCH_BITS_GUESS = 20
MATCH_BITS = 23
MATCH_BYTES_MIN = 3
MATCH_BYTES_MAX = 24

_WORD = re.compile(r" ?[^ ]+")
_PLAIN = str.maketrans({"’": "'", "\u00a0": " ", "“": '"', "”": '"'})
# Lists of addresses and formulas of parliament fill the corpus; nobody writes them in a crisis.
_UNLIKE = re.compile(
    r"(route|rue|chemin|avenue|impasse|allée|boulevard|place) d|zéro"
    r"|amendement|parole est|monsieur|madame|commission|article|[^ -~À-ÿœŒ…«»]",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Text:
    """A text to learn from, and how much it counts."""

    words: str
    weight: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line, build, write. Returns the exit status."""
    parser = argparse.ArgumentParser(description="Build the preset dictionary.")
    parser.add_argument("folder", type=Path, help="folder with cc0_sentences_{en,fr}.txt.zst")
    parser.add_argument("-o", "--output", type=Path, default=DEFAULT_OUTPUT)
    given = parser.parse_args(arguments)
    missing = [name for name in map(_corpus_name, LANGUAGES) if not (given.folder / name).is_file()]
    if missing:
        print(
            f"{given.folder} has no {' and no '.join(missing)}: give their folder.", file=sys.stderr
        )
        return 1
    result = build([read_sentences(given.folder / _corpus_name(lang)) for lang in LANGUAGES])
    given.output.write_bytes(result)
    print(f"{given.output}: {len(result)} B, sha256 {hashlib.sha256(result).hexdigest()}")
    return 0


def read_sentences(path: Path) -> list[str]:
    """The usable sentences of a compressed corpus, each once, in an order of no meaning."""
    with path.open("rb") as raw, zstandard.ZstdDecompressor().stream_reader(raw) as stream:
        lines = stream.read().decode().translate(_PLAIN).splitlines()
    kept = {line.strip() for line in lines if 8 < len(line.strip()) < 200}
    return sorted((x for x in kept if not _UNLIKE.search(x)), key=_scatter)


def read_phrases() -> list[str]:
    """Our own field phrases, both languages."""
    files = [HERE / f"phrases_{lang}.txt" for lang in LANGUAGES]
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    return sorted({line for line in lines if line}, key=_scatter)


def build(corpora: Sequence[Sequence[str]]) -> bytes:
    """The dictionary for these corpora and our phrases."""
    phrases = read_phrases()
    counted = [Text(line, 1) for corpus in corpora for line in corpus]
    counted += [Text(line, PHRASE_COUNT_WEIGHT) for line in phrases]
    pool = fill_pool(count_groups(counted), POOL).encode()
    sample = [line for corpus in corpora for line in corpus[:SAMPLE_PER_LANGUAGE]]
    parsed = [Text(words, 1) for words in _half_in_pairs(sorted(sample, key=_scatter))]
    parsed += [Text(words, PHRASE_USE_WEIGHT) for words in _half_in_pairs(phrases)]
    for size in ROUNDS:
        pool = b"".join(piece for _, piece in _best(pool, saved_bits(pool, parsed), size))
    ranked = sorted(_best(pool, saved_bits(pool, parsed), len(pool)))
    return b"".join(piece for _, piece in ranked)[-SIZE:]


def count_groups(texts: Iterable[Text]) -> Counter[str]:
    """Groups of neighboring words, each with the blank before it; a text starts as ``.`` 00."""
    counts: Counter[str] = Counter()
    for text in texts:
        words = _WORD.findall(".\0" + text.words)
        for start in range(len(words)):
            group = ""
            for word in words[start : start + GROUP_WORDS_MAX]:
                group += word
                counts[group] += text.weight
    return Counter({group: seen for group, seen in counts.items() if seen >= GROUP_SEEN_MIN})


def fill_pool(counts: Counter[str], size: int) -> str:
    """The groups that save most per byte, best last, at least ``size`` bytes if there are any.

    A group that is taken serves its parts too: their counts sink by its own.
    """
    left = dict(counts)
    heap = [
        (-_gain(group, seen), group) for group, seen in counts.items() if _gain(group, seen) > 0
    ]
    heapq.heapify(heap)
    taken: list[str] = []
    while heap and size > 0:
        believed, group = heapq.heappop(heap)
        now = -_gain(group, left[group])
        if now > believed:
            if now < 0:
                heapq.heappush(heap, (now, group))
            continue
        taken.append(group)
        size -= len(group.encode())
        seen, words = left[group], _WORD.findall(group)
        for start in range(len(words)):
            for end in range(start + 1, len(words) + 1):
                part = "".join(words[start:end])
                if part in left:
                    left[part] -= seen
    return "".join(reversed(taken))


def saved_bits(pool: bytes, texts: Iterable[Text]) -> list[float]:
    """For each byte of ``pool`` the bits it saves when ``texts`` are parsed against it."""
    order = sorted(range(len(pool)), key=lambda at: pool[at : at + MATCH_BYTES_MAX])
    keys = [pool[at : at + MATCH_BYTES_MAX] for at in order]
    saved = [0.0] * len(pool)
    for text in texts:
        words = text.words.encode()
        matches = [_longest(words[at : at + MATCH_BYTES_MAX], keys) for at in range(len(words))]
        for at, length in _parse(words, [length for length, _ in matches]):
            start = order[matches[at][1]]
            share = text.weight * (8 * length - MATCH_BITS) / length
            for place in range(start, start + length):
                saved[place] += share
    return saved


def _longest(wanted: bytes, keys: Sequence[bytes]) -> tuple[int, int]:
    """Length of the longest match of ``wanted`` and the place of its key among the sorted keys."""
    near = bisect_left(keys, wanted)
    best = (0, 0)
    for place in (near - 1, near):
        if 0 <= place < len(keys):
            length = _common(wanted, keys[place])
            best = max(best, (length, place), key=lambda found: found[0])
    return best


def _common(one: bytes, other: bytes) -> int:
    length = min(len(one), len(other))
    for at in range(length):
        if one[at] != other[at]:
            return at
    return length


def _parse(words: bytes, longest: Sequence[int]) -> list[tuple[int, int]]:
    """Where the cheapest parse uses matches, and how long: literals cost 8 or 9 bits."""
    cost = [0] * (len(words) + 1)
    step = [1] * len(words)
    for at in range(len(words) - 1, -1, -1):
        cost[at] = cost[at + 1] + (8 if words[at] < 0x80 else 9)
        for length in range(MATCH_BYTES_MIN, longest[at] + 1):
            if cost[at + length] + MATCH_BITS < cost[at]:
                cost[at], step[at] = cost[at + length] + MATCH_BITS, length
    used: list[tuple[int, int]] = []
    at = 0
    while at < len(words):
        if step[at] > 1:
            used.append((at, step[at]))
        at += step[at]
    return used


def _best(pool: bytes, saved: Sequence[float], size: int) -> list[tuple[float, bytes]]:
    """The ``size`` most useful bytes as the pieces they form, each with its bits per byte."""
    ranked = sorted(range(len(pool)), key=lambda at: (-saved[at], at))
    kept = set(ranked[:size])
    pieces: list[tuple[float, bytes]] = []
    for keep, run in groupby(range(len(pool)), kept.__contains__):
        places = list(run)
        if keep and len(places) >= MATCH_BYTES_MIN:
            value = sum(saved[at] for at in places) / len(places)
            pieces.append((value, pool[places[0] : places[-1] + 1]))
    return pieces


def _half_in_pairs(texts: Sequence[str]) -> list[str]:
    """Half of the texts two by two as in an envelope of several records, half alone."""
    half = len(texts) // 4 * 2
    pairs = [f"{texts[at]}\0{texts[at + 1]}" for at in range(0, half, 2)]
    return pairs + list(texts[half:])


def _gain(group: str, seen: int) -> float:
    size = len(group.encode())
    return seen * (8 * size - MATCH_BITS_GUESS) / size


def _scatter(line: str) -> bytes:
    return hashlib.sha256(line.encode()).digest()


def _corpus_name(language: str) -> str:
    return f"cc0_sentences_{language}.txt.zst"


if __name__ == "__main__":
    sys.exit(main())
