"""The same texts by other means in the same run: bytes a message, and as a ratio to ours.

What is missing on this machine is named, with how to get it. Nothing is sent.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import zstandard
from corpus import MissingError
from report import Report, median

HERE = Path(__file__).resolve().parent
PEERS_PYTHON = HERE.parent / "build" / "peers" / "bin" / "python"
BROTLI = (
    "import brotli, json, sys;"
    "json.dump([len(brotli.compress(x.encode(), quality=11)) for x in json.load(sys.stdin)],"
    " sys.stdout)"
)
NNCP_OVERHEAD_BYTES = 480
ZSTD_LEVEL = 19
USER = "a@example.org"
HEAD = f"  {'of each text alone':<54}{'median':>8}{'mean':>8}{'x ours':>8}{'x signed':>10}"

Sizes = Sequence[int]


def compare(texts: Sequence[str], sealed: Sizes, signed: Sizes, report: Report) -> None:
    """A table; ``sealed`` and ``signed`` are the frames of ours for each of the texts."""
    report.note(HEAD)

    def row(name: str, sizes: Sizes) -> None:
        ours, ours_signed = sum(sizes) / sum(sealed), sum(sizes) / sum(signed)
        words = f"{name:<54}{median(sizes):>8.0f}{sum(sizes) / len(sizes):>8.1f}"
        report.note(f"{words}{ours:>8.2f}{ours_signed:>10.2f}")

    row("crisiskit, encrypted and authenticated", sealed)
    row("crisiskit, signed too", signed)
    for name, measure in OTHERS.items():
        try:
            row(name, measure(texts))
        except MissingError as missing:
            report.note(f"{name}: left out. {missing}")


def _lxmf(texts: Sequence[str]) -> Sizes:
    return _by_peers([str(HERE / "lxmf_pack.py")], texts)


def _brotli(texts: Sequence[str]) -> Sizes:
    return _by_peers(["-c", BROTLI], texts)


def _by_peers(words: list[str], texts: Sequence[str]) -> Sizes:
    """What a script run by the Python of build/peers says of the texts."""
    if not PEERS_PYTHON.exists():
        raise MissingError("Get it with `make bench-peers`")
    done = subprocess.run(
        [PEERS_PYTHON, *words], input=json.dumps(texts), capture_output=True, text=True
    )
    if done.returncode:
        raise MissingError(f"{done.stderr.strip()[-200:]}: get it with `make bench-peers`")
    sizes: list[int] = json.loads(done.stdout)
    return sizes


def _nncp(texts: Sequence[str]) -> Sizes:
    """Cited and not measured here: what a packet of NNCP 8.8.2 had beyond its text."""
    return [len(text.encode()) + NNCP_OVERHEAD_BYTES for text in texts]


def _openpgp(texts: Sequence[str]) -> Sizes:
    """gpg with fresh Ed25519 and X25519 keys, in a home of its own."""
    if shutil.which("gpg") is None:
        raise MissingError("Get it with `apt install gpg`")
    with tempfile.TemporaryDirectory() as home:
        gpg = ["gpg", "--homedir", home, "--batch", "--quiet", "--passphrase", ""]
        gpg += ["--pinentry-mode", "loopback", "--trust-model", "always"]
        try:
            subprocess.run(
                [*gpg, "--quick-generate-key", USER, "future-default", "default", "never"],
                check=True,
                capture_output=True,
            )
            return [_gpg_bytes([*gpg, "--sign", "--encrypt", "-r", USER], text) for text in texts]
        except subprocess.CalledProcessError as failed:
            raise MissingError(f"gpg failed: {failed.stderr.decode().strip()[-200:]}") from failed
        finally:
            subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], capture_output=True)


def _gpg_bytes(command: list[str], text: str) -> int:
    done = subprocess.run(command, input=text.encode(), check=True, capture_output=True)
    return len(done.stdout)


def _zstd(texts: Sequence[str]) -> Sizes:
    packer = zstandard.ZstdCompressor(ZSTD_LEVEL)
    return [len(packer.compress(text.encode())) for text in texts]


def _zlib(texts: Sequence[str]) -> Sizes:
    return [len(zlib.compress(text.encode(), 9)) for text in texts]


OTHERS: dict[str, Callable[[Sequence[str]], Sizes]] = {
    "LXMF, encrypted and signed, one packet": _lxmf,
    "OpenPGP, gpg sign and encrypt": _openpgp,
    f"NNCP, cited: text and {NNCP_OVERHEAD_BYTES} B, encrypted and signed": _nncp,
    f"zstd -{ZSTD_LEVEL}, no security": _zstd,
    "brotli 11, no security": _brotli,
    "zlib 9, no security": _zlib,
}
