"""The core takes time and entropy as arguments: the same bytes in, the same bytes out."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PURE = ("model.py", "step.py", "trusted.py", "codec", "crypto", "sync")
IMPURE_MODULES = {
    "asyncio",
    "os",
    "random",
    "secrets",
    "select",
    "selectors",
    "socket",
    "sqlite3",
    "subprocess",
    "threading",
    "time",
}
# Names that fetch a clock, entropy or a pause, whatever object they are called on.
IMPURE_CALLS = {
    "getrandbits",
    "generate",
    "generate_key",
    "monotonic",
    "now",
    "perf_counter",
    "randbytes",
    "sleep",
    "time_ns",
    "today",
    "token_bytes",
    "urandom",
    "utcnow",
    "uuid1",
    "uuid4",
}


def impurities(source: str) -> list[str]:
    """What in a module's text reaches for the world, as ``line: name``."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = {alias.name.partition(".")[0] for alias in node.names} & IMPURE_MODULES
        elif isinstance(node, ast.ImportFrom):
            names = {(node.module or "").partition(".")[0]} & IMPURE_MODULES
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            names = {node.func.attr} & IMPURE_CALLS
        else:
            continue
        found += [f"{node.lineno}: {name}" for name in sorted(names)]
    return found


def pure_modules() -> list[Path]:
    places = [ROOT / "crisiskit" / name for name in PURE]
    return [
        file for place in places for file in ([place] if place.is_file() else place.rglob("*.py"))
    ]


def test_the_core_fetches_no_time_entropy_or_device() -> None:
    modules = pure_modules()
    assert len(modules) > len(PURE), "the rule looked at nothing"
    found = {str(path.relative_to(ROOT)): impurities(path.read_text("utf-8")) for path in modules}
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "line",
    [
        "import time",
        "from os import urandom",
        "import sqlite3.dbapi2",
        "moment = datetime.now()",
        "moment = dt.datetime.now(UTC)",
        "key = Ed25519PrivateKey.generate()",
        "key = AESCCM.generate_key(128)",
        "await anyio.sleep(1)",
    ],
)
def test_the_rule_sees(line: str) -> None:
    assert impurities(f"async def run():\n    {line}\n") != []


def test_the_rule_lets_pass_what_is_handed_in() -> None:
    assert impurities("def age(now: int, then: int) -> int:\n    return now - then\n") == []
