"""The wheel: all of the program and nothing else, the same bytes each time, and it runs."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("crisiskit", "transports", "hardware")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
LINKS = PROJECT["entry-points"]["crisiskit.links"]


def build(into: Path) -> Path:
    """Build the wheel from a copy, so that the tests leave no file in the source tree."""
    copy = into / "source"
    leave_out = shutil.ignore_patterns("__pycache__", "*.mo")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, copy / name, ignore=leave_out)
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(ROOT / name, copy / name)
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(into)]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "1790000000"}
    subprocess.run(command, cwd=copy, env=environment, check=True, capture_output=True)
    return next(into.glob("crisiskit-*.whl"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("first"))


def test_two_builds_give_the_same_bytes(wheel: Path, tmp_path: Path) -> None:
    again = build(tmp_path)
    assert (
        hashlib.sha256(again.read_bytes()).digest() == hashlib.sha256(wheel.read_bytes()).digest()
    )


def test_it_holds_every_file_of_the_three_packages_and_only_those(wheel: Path) -> None:
    have = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    want = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix not in (".pyc", ".mo")
    }
    assert {name for name in have if not name.endswith(".mo")} == want


def test_each_language_is_compiled_into_it(wheel: Path) -> None:
    catalogs = list((ROOT / "crisiskit" / "locale").glob("*/LC_MESSAGES/*.po"))
    compiled = [name for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".mo")]
    assert len(compiled) == len(catalogs)


def test_it_runs_from_the_wheel_alone(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "installed")}
    code = (
        "import sys, crisiskit, transports, hardware, crisiskit.__main__ as program\n"
        "print(crisiskit.__file__)\n"
        "sys.argv = ['crisiskit', '--version']\n"
        "program.main()"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(tmp_path))
    assert version() in done.stdout


def version() -> str:
    source = (ROOT / "crisiskit" / "__init__.py").read_text("utf-8")
    names: dict[str, str] = {}
    exec(source, names)
    return names["__version__"]


@pytest.mark.parametrize("target", [*LINKS.values(), *PROJECT["scripts"].values()])
def test_each_entry_point_leads_somewhere(target: str) -> None:
    module, _, name = target.partition(":")
    assert callable(getattr(import_module(module), name))


def test_each_dependency_has_its_line_in_the_decisions() -> None:
    page = (ROOT / "docs" / "decisions" / "0001-dependencies.md").read_text("utf-8")
    needs = [*PROJECT["dependencies"]]
    for extra in ("neighbours", "sms", "web"):
        needs += PROJECT["optional-dependencies"][extra]
    names = [need.partition(">")[0] for need in needs]
    assert [name for name in names if f"| {name} " not in page] == []


def test_the_locked_files_name_no_index_and_hash_every_package() -> None:
    for lock in (ROOT / "requirements").glob("*.txt"):
        text = lock.read_text("utf-8")
        assert "://" not in text and "index" not in text
        packages = [part for part in text.split("\n") if "==" in part]
        assert packages and all(line.endswith("\\") for line in packages), lock.name


def test_what_runs_is_locked_the_same_in_all_files() -> None:
    names = ("run.txt", "links.txt", "dev.txt")
    run, links, dev = (pins(ROOT / "requirements" / name) for name in names)
    assert run.items() <= links.items() <= dev.items()
    needed = {need.partition(">")[0] for need in PROJECT["dependencies"]}
    assert needed <= run.keys()


def pins(lock: Path) -> dict[str, str]:
    lines = [line for line in lock.read_text("utf-8").splitlines() if "==" in line]
    return {line.partition("==")[0]: line.partition("==")[2].split()[0] for line in lines}
