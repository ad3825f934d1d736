"""The links of an installation: from its settings file to objects ready to run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from crisiskit.settings import load
from transports import catalog
from transports.link import Link, Traits


@dataclass(frozen=True, slots=True)
class ConfiguredLink:
    """A link by its name in the settings file."""

    name: str
    kind: str
    traits: Traits
    link: Link


def configured_links(home: Path) -> list[ConfiguredLink]:
    """All links of the settings file, none of them open. Raises SettingsError."""
    links = []
    for table in load(home).links:
        kind = catalog.find(table.kind)
        traits = kind.traits(table.options, table.micros)
        links.append(
            ConfiguredLink(table.name, table.kind, traits, kind.open(table.options, traits))
        )
    return links


def link_traits(home: Path) -> dict[str, Traits]:
    """What each link of the settings file will be like; touches no device."""
    return {
        table.name: catalog.find(table.kind).traits(table.options, table.micros)
        for table in load(home).links
    }
