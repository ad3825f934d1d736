"""Compile the text model of an installation: the same source, the same bytes, less time.

    python packaging/textmodel/compile.py [FOLDER]

FOLDER is where the package crisiskit lies, by default this source tree. Needs mypy, setuptools
and a C compiler. Nothing depends on it: without the compiled modules Python runs the source, and
removing the *.so files is all it takes to go back. Compile again after every change.
"""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGE = Path("crisiskit", "codec", "textmodel")
MODULES = ("alphabet", "coder", "contexts", "model", "numbers", "stream", "table", "tree")
_SETUP = """\
from mypyc.build import mypycify
from setuptools import setup

setup(name="textmodel", packages=[], ext_modules=mypycify({modules!r}, opt_level="3"))
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line, compile, put the result beside the source. Returns the status."""
    parser = argparse.ArgumentParser(description="Compile the text model of an installation.")
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT, help="holds crisiskit/")
    folder = parser.parse_args(arguments).folder
    if not (folder / PACKAGE / "model.py").is_file():
        print(f"{folder} holds no {PACKAGE}: name the folder of crisiskit.", file=sys.stderr)
        return 1
    if missing := what_is_missing():
        print(f"{' and '.join(missing)} missing: install and try again.", file=sys.stderr)
        return 1
    for made in compile_modules(folder):
        print(made)
    return 0


def what_is_missing() -> list[str]:
    """What must be installed first."""
    missing = [name for name in ("mypyc", "setuptools") if not importlib.util.find_spec(name)]
    return missing + ["a C compiler (gcc)"] * (shutil.which("gcc") is None)


def compile_modules(folder: Path) -> list[Path]:
    """Compile the package in ``folder``; the shared objects that were put there."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        shutil.copytree(folder / "crisiskit", work / "crisiskit", ignore=_ALL_BUT_SOURCE)
        modules = [(PACKAGE / f"{module}.py").as_posix() for module in MODULES]
        (work / "setup.py").write_text(_SETUP.format(modules=modules))
        command = [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace"]
        subprocess.run(command, cwd=work, check=True, stdout=subprocess.DEVNULL)
        shared = list(work.glob("*.so")) + list((work / PACKAGE).glob("*.so"))
        made = [folder / one.relative_to(work) for one in shared]
        for one, target in zip(shared, made, strict=True):
            shutil.copy(one, target)
    return sorted(made)


_ALL_BUT_SOURCE = shutil.ignore_patterns("__pycache__", "*.so", "*.bin", "*.po", "*.mo")


if __name__ == "__main__":
    sys.exit(main())
