"""Small files, small functions, a purpose on top of each module, nothing left for later."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("crisiskit", "transports", "hardware")
FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 60
# Written apart, so that this file does not break its own rule.
UNFINISHED = ("TO" + "DO", "FIX" + "ME", "XX" + "X:")


def sources() -> list[Path]:
    found = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    assert len(found) > len(PACKAGES), "the rules looked at nothing"
    return found


def where(path: Path, line: int = 1) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


def test_a_file_has_one_subject_and_at_most_500_lines() -> None:
    lines = {where(path): len(path.read_text("utf-8").splitlines()) for path in sources()}
    assert {name: count for name, count in lines.items() if count > FILE_LINES_MAX} == {}


def test_a_function_fits_a_screen() -> None:
    too_long = {}
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > FUNCTION_LINES_MAX:
                    too_long[f"{where(path, node.lineno)} {node.name}"] = lines
    assert too_long == {}


def test_each_module_says_what_it_is_for() -> None:
    silent = [where(path) for path in sources() if not purpose(path)]
    assert silent == []


def purpose(path: Path) -> str | None:
    return ast.get_docstring(ast.parse(path.read_text("utf-8")))


def test_trouble_is_never_swallowed() -> None:
    swallowed = []
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ExceptHandler) and catches_all(node) and does_nothing(node):
                swallowed.append(where(path, node.lineno))
    assert swallowed == []


def catches_all(handler: ast.ExceptHandler) -> bool:
    names = (
        {node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)}
        if (handler.type)
        else {"BaseException"}
    )
    return bool(names & {"Exception", "BaseException"})


def does_nothing(handler: ast.ExceptHandler) -> bool:
    return all(isinstance(node, ast.Pass | ast.Continue | ast.Expr) for node in handler.body) and (
        not any(isinstance(node, ast.Call) for part in handler.body for node in ast.walk(part))
    )


@pytest.mark.parametrize("mark", UNFINISHED)
def test_nothing_is_left_for_later(mark: str) -> None:
    folders = [*PACKAGES, "tests", "packaging", "benchmarks", "docs"]
    suffixes = {".py", ".md", ".sh", ".toml", ".tcss", ".service", ".rules"}
    files = [path for folder in folders for path in (ROOT / folder).rglob("*")]
    marked = [
        where(path, number)
        for path in files
        if path.suffix in suffixes
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if mark in line
    ]
    assert marked == []
