"""Build hook: compiles the message catalogs (.po) to the form gettext reads (.mo).

Runs for wheels and for editable installs. Git does not keep the .mo files, so they are
named to hatchling as build artifacts.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface


def compile_catalogs(root: Path) -> list[Path]:
    """Compile every catalog below ``root`` and return the .mo files, relative to it."""
    compiled = []
    for source in sorted(root.glob("crisiskit/locale/*/LC_MESSAGES/*.po")):
        target = source.with_suffix(".mo")
        with source.open("rb") as text:
            catalog = read_po(text, locale=source.parent.parent.name, domain=source.stem)
        with target.open("wb") as binary:
            write_mo(binary, catalog)
        compiled.append(target.relative_to(root))
    return compiled


class CatalogHook(BuildHookInterface):  # type: ignore[type-arg] # its config class is hatchling's own affair
    """Compile the catalogs before hatchling collects the files."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the compiled catalogs to the wheel, or put them into the tree when editable."""
        for path in compile_catalogs(Path(self.root)):
            build_data["artifacts"].append(f"/{path.as_posix()}")
