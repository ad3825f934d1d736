"""The texts that the text model is built from: CC0 sentences and field phrases of our own.

A phrases file holds templates, one a line, with ``{name}`` where a word of a list stands; a list
is a line ``{name}: one | another``, and its words may hold names of other lists.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import zstandard
from hurry import typed_in_a_hurry

HERE = Path(__file__).resolve().parent
OLDER = HERE.parent / "dictionary"
LANGUAGES = ("en", "fr", "ht")
TEXTS_PER_TEMPLATE = 15
TEMPLATE_WEIGHT = 45
# How often each sentence counts: there are twice as many French ones.
SENTENCE_REPEATS = {"en": 2, "fr": 1}
# This part of them, the sentences that say most in the words of the phrases, counts double.
LIKELY_OF = 3
SENTENCE_LANGUAGES = tuple(SENTENCE_REPEATS)
# So many of 256 texts are learned in capitals too.
SHOUTED_OF_256 = 8
HELD_SENTENCES = 5000
HELD_TEMPLATES_OF_TEN = 1
LETTERS_MIN, LETTERS_MAX = 8, 200
_GRAM_WORDS = 4

_NAME = re.compile(r"\{(\w+)\}")
_LIST = re.compile(r"\{(\w+)\}: (.+ \| .+)")
_WORD = re.compile(r"\w+")
_PLAIN = str.maketrans({"’": "'", "\u00a0": " ", "“": '"', "”": '"'})
# Lists of addresses and formulas of parliament fill the corpus; nobody writes them in a crisis.
_UNLIKE = re.compile(
    r"(route|rue|chemin|avenue|impasse|allée|boulevard|place) d|zéro"
    r"|amendement|parole est|monsieur|madame|commission|article|[^ -~À-ÿœŒ…«»]",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Corpus:
    """``learned`` fills the slots; ``held`` tells how far to trust them. No text is in both."""

    learned: list[str]
    held: list[str]


def sentences_name(language: str) -> str:
    """The file with the CC0 sentences of a language."""
    return f"cc0_sentences_{language}.txt.zst"


def read_corpus(folder: Path) -> Corpus:
    """All texts there are to learn from."""
    learned: list[str] = []
    held: list[str] = []
    known = {word for language in LANGUAGES for word in _known_words(language)}
    for language in SENTENCE_LANGUAGES:
        sentences = read_sentences(folder / sentences_name(language))
        others = sentences[HELD_SENTENCES:]
        likely = sorted(others, key=lambda text: _share_known(text, known), reverse=True)
        counted = others + likely[: len(likely) // LIKELY_OF]
        learned += counted * SENTENCE_REPEATS[language]
        held += _unlike_all(sentences[:HELD_SENTENCES], sentences[HELD_SENTENCES:])
    for language in LANGUAGES:
        for place, texts in enumerate(read_phrases(language)):
            if place % 10 < HELD_TEMPLATES_OF_TEN:
                held += texts
            else:
                learned += texts * (TEMPLATE_WEIGHT // len(texts))
    learned += [text.upper() for text in learned if scatter(text)[0] < SHOUTED_OF_256]
    typed = [typed_in_a_hurry(text) for text in held]
    return Corpus(sorted(learned, key=scatter), sorted(typed, key=scatter))


def read_sentences(path: Path) -> list[str]:
    """The usable sentences of a compressed corpus, each once, in an order of no meaning."""
    with path.open("rb") as raw, zstandard.ZstdDecompressor().stream_reader(raw) as stream:
        lines = stream.read().decode().translate(_PLAIN).splitlines()
    kept = {line.strip() for line in lines if LETTERS_MIN < len(line.strip()) < LETTERS_MAX}
    return sorted((line for line in kept if not _UNLIKE.search(line)), key=scatter)


def read_phrases(language: str) -> list[list[str]]:
    """For each template of a language the texts made from it."""
    lists: dict[str, list[str]] = {}
    templates: list[str] = []
    for file in (OLDER / f"phrases_{language}.txt", HERE / f"phrases_{language}.txt"):
        for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else ():
            if found := _LIST.fullmatch(line):
                lists[found[1]] = found[2].split(" | ")
            elif line:
                templates.append(line)
    return [_texts_of(template, lists) for template in templates]


def scatter(text: str) -> bytes:
    """A key that puts texts in an order of no meaning, the same everywhere."""
    return hashlib.sha256(text.encode()).digest()


def _texts_of(template: str, lists: dict[str, list[str]]) -> list[str]:
    texts = [_filled(template, lists, seed) for seed in range(TEXTS_PER_TEMPLATE)]
    return sorted(set(texts))


def _filled(text: str, lists: dict[str, list[str]], seed: int) -> str:
    """``text`` with a word in place of each name; which ones, the text and the seed decide."""
    while found := _NAME.search(text):
        words = lists[found[1]]
        drawn = int.from_bytes(scatter(f"{seed} {text}")[:4], "big")
        text = text[: found.start()] + words[drawn % len(words)] + text[found.end() :]
    return text


def _known_words(language: str) -> set[str]:
    """The words of the phrases."""
    return {word for texts in read_phrases(language) for text in texts for word in _words(text)}


def _share_known(text: str, known: set[str]) -> float:
    words = _words(text)
    return sum(word in known for word in words) / max(len(words), _GRAM_WORDS)


def _unlike_all(texts: Sequence[str], others: Iterable[str]) -> list[str]:
    """The texts that share no four words in a row with any of the others."""
    known: set[tuple[str, ...]] = set()
    for other in others:
        known.update(_grams(other))
    return [text for text in texts if (grams := _grams(text)) and known.isdisjoint(grams)]


def _grams(text: str) -> list[tuple[str, ...]]:
    words = _words(text)
    return [tuple(words[at : at + _GRAM_WORDS]) for at in range(len(words) - _GRAM_WORDS + 1)]


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())
