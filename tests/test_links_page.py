"""docs/links.md lists every kind of link, and each of its examples is a table that works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from crisiskit.links import link_traits
from crisiskit.settings import load
from transports.catalog import BUILT_IN

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "links.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^### (\S+)\n(.*?)(?=^### |\Z)", PAGE, re.MULTILINE | re.DOTALL))


def test_every_kind_has_its_place_and_no_other() -> None:
    assert list(SECTIONS) == sorted(BUILT_IN)
    assert re.findall(r"^\| \[`(\S+)`\]\(#(\S+)\)", PAGE, re.MULTILINE) == [
        (kind, kind) for kind in sorted(BUILT_IN)
    ]


@pytest.mark.parametrize("kind", sorted(SECTIONS))
def test_each_example_is_a_table_of_its_kind(kind: str, tmp_path: Path) -> None:
    lines = [line[4:] for line in SECTIONS[kind].splitlines() if line.startswith("    ")]
    allowed = "[clear]\nallowed = true\n"
    (tmp_path / "settings.toml").write_text("\n".join([*lines, allowed]), "utf-8")
    (link,) = load(tmp_path).links
    assert link.kind == kind and link_traits(tmp_path)[link.name].mtu_bytes > 0


def test_each_page_it_names_is_there() -> None:
    for name in re.findall(r"\]\(([a-z0-9-]+\.md)\)", PAGE):
        assert (ROOT / "docs" / name).is_file(), name
    for name in ("README.md", "docs/README.md"):
        assert "links.md" in (ROOT / name).read_text("utf-8")
