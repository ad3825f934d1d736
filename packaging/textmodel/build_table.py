"""Build the table of the text model: crisiskit/codec/textmodel/textmodel-1.bin.

    python packaging/textmodel/build_table.py FOLDER [-o FILE]

FOLDER holds cc0_sentences_en.txt.zst and cc0_sentences_fr.txt.zst, one sentence a line, to be
had from the Common Voice text corpus (CC0). Our own phrases stand beside this script. The same
input gives the same bytes. The result is part of the wire format: a table that was ever released
is never built again under its number, a new one gets a new number and a new codec.

How: count what follows each view of the past, keep the nodes that save most bits over the next
simpler view, then let the model itself code texts that were held back, typed as in a hurry: how
right each state is becomes its probability, what the mixers learn their first weights. Takes
some minutes, fewer after `make textmodel-fast`.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from array import array
from collections.abc import Sequence
from pathlib import Path

from counting import find_candidates, place_in_slots
from sources import SENTENCE_LANGUAGES, Corpus, read_corpus, sentences_name

from crisiskit.codec.textmodel.alphabet import END, SYMBOLS, spell
from crisiskit.codec.textmodel.coder import Writer
from crisiskit.codec.textmodel.contexts import VIEWS, History
from crisiskit.codec.textmodel.model import (
    NODE_SALTS,
    STORED_WEIGHT_SHIFT,
    Model,
    slot_of,
)
from crisiskit.codec.textmodel.table import (
    FILE,
    MIXER_SETS,
    STATES,
    WEIGHTS_PER_SET,
    Table,
    pack,
)
from crisiskit.codec.textmodel.tree import balanced

ROOT = Path(__file__).resolve().parent.parent.parent
DEFAULT_OUTPUT = ROOT / "crisiskit" / "codec" / "textmodel" / FILE
LEARN_RATES = (6, 3)
FIRST_WEIGHT = 1 << 12
WEIGHT_MAX = 32767
_STATE_PRIOR = 2
_WEIGHT_OF_USE = 256
_RARE_WEIGHT = 16

_VOWELS = "aeiouy"
_ACCENTED = {
    "a": "àáâãäå",
    "c": "ç",
    "e": "èéêë",
    "i": "ìíîï",
    "n": "ñ",
    "o": "òóôõö",
    "u": "ùúûü",
    "y": "ýÿ",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line, build, write. Returns the exit status."""
    parser = argparse.ArgumentParser(description="Build the table of the text model.")
    parser.add_argument("folder", type=Path, help="folder with cc0_sentences_{en,fr}.txt.zst")
    parser.add_argument("-o", "--output", type=Path, default=DEFAULT_OUTPUT)
    given = parser.parse_args(arguments)
    names = map(sentences_name, SENTENCE_LANGUAGES)
    missing = [name for name in names if not (given.folder / name).is_file()]
    if missing:
        print(
            f"{given.folder} has no {' and no '.join(missing)}: give their folder.", file=sys.stderr
        )
        return 1
    result = build(read_corpus(given.folder))
    given.output.write_bytes(result)
    print(f"{given.output}: {len(result)} B, sha256 {hashlib.sha256(result).hexdigest()}")
    return 0


def build(corpus: Corpus) -> bytes:
    """The bytes of the table for these texts."""
    fold = folded_symbols()
    symbols = b"".join(spell(text) + bytes([END]) for text in corpus.learned)
    tree = balanced(order_of_symbols(fold), _weights_of(symbols))
    checks, states = place_in_slots(find_candidates(symbols, fold, tree))
    weights = array("h", [FIRST_WEIGHT]) * (WEIGHTS_PER_SET * sum(MIXER_SETS))
    blank = Table(fold, tree, array("H", [0]) * (VIEWS * STATES), weights, checks, states)
    held = [spell(text) for text in corpus.held]
    table = Table(fold, tree, calibrated(blank, held), weights, checks, states)
    return pack(Table(fold, tree, table.starts, taught(table, held), checks, states))


def folded_symbols() -> bytes:
    """For each symbol the one that stands for it: no case, no accents, one digit for all."""
    fold = bytearray(range(SYMBOLS))
    for letter in "abcdefghijklmnopqrstuvwxyz":
        for form in letter + _ACCENTED.get(letter, ""):
            for cased in {form, form.upper()}:
                if symbols := _one_symbol(cased):
                    fold[symbols[0]] = ord(letter)
    for digit in b"0123456789":
        fold[digit] = ord("0")
    return bytes(fold)


def order_of_symbols(fold: bytes) -> bytes:
    """All symbols: others, capitals, small letters, each vowels first, digits, signs, blank, END.

    END comes last, on the path of ones only: behind the end of a stream there is nothing but END.
    """

    def place(symbol: int) -> tuple[int, int, int]:
        letter = chr(fold[symbol])
        vowel = _VOWELS.find(letter)
        if symbol == END:
            return (6, 0, symbol)
        if "a" <= letter <= "z":
            small = bytes([symbol]).decode("cp1252").islower()
            return (2 if small else 1, vowel if vowel >= 0 else fold[symbol], symbol)
        if symbol >= ord(" ") and chr(symbol).isascii():
            return (3 if letter == "0" else 4 if symbol > ord(" ") else 5, 0, symbol)
        return (0, 0, symbol)

    ranked: list[int] = sorted(range(SYMBOLS), key=place)
    return bytes(ranked)


def calibrated(table: Table, texts: Sequence[bytes]) -> array[int]:
    """For each view and state the probability of a one, as it was in ``texts``."""
    zeros = [_STATE_PRIOR * (2 * (31 - state % 32) + 1) for state in range(STATES)] * VIEWS
    ones = [_STATE_PRIOR * (2 * (state % 32) + 1) for state in range(STATES)] * VIEWS
    history = History(table.fold)
    paths = [table.tree.path(symbol) for symbol in range(SYMBOLS)]
    for text in texts:
        for symbol in text + bytes([END]):
            for view, start in enumerate(history.hashes()):
                for node, bit in paths[symbol]:
                    state = _state_at(table, start ^ NODE_SALTS[node])
                    if state is None:
                        break
                    (ones if bit else zeros)[view * STATES + state] += 64
            history.add(symbol)
    return array("H", [65535 * one // (one + zero) for one, zero in zip(ones, zeros, strict=True)])


def taught(table: Table, texts: Sequence[bytes]) -> array[int]:
    """The weights after coding ``texts`` one by one, each from the table alone."""
    sets: dict[int, list[int]] = {}
    for rate in LEARN_RATES:
        for text in texts:
            model, coder = Model(table, sets, rate), Writer()
            for symbol in text + bytes([END]):
                model.code(coder, symbol)
    weights = array("h", table.weights)
    for number, learned in sets.items():
        for place, weight in enumerate(learned, number * WEIGHTS_PER_SET):
            stored = weight >> STORED_WEIGHT_SHIFT
            weights[place] = max(-WEIGHT_MAX, min(WEIGHT_MAX, stored))
    return weights


def _state_at(table: Table, key: int) -> int | None:
    slot, check = slot_of(key)
    for place in (slot, slot ^ 1):
        if table.checks[place] == check:
            return table.states[place]
    return None


def _weights_of(symbols: bytes) -> list[int]:
    return [_WEIGHT_OF_USE * symbols.count(symbol) + _RARE_WEIGHT for symbol in range(SYMBOLS)]


def _one_symbol(letter: str) -> bytes:
    try:
        return letter.encode("cp1252")
    except UnicodeEncodeError:
        return b""


if __name__ == "__main__":
    sys.exit(main())
