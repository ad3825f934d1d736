"""The links of an installation: from its settings file to objects ready to run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from crisiskit.errors import SettingsError
from crisiskit.settings import LinkSettings, Settings, load
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
    settings = load(home)
    links = []
    for table in settings.links:
        traits = _traits(table, settings)
        link = catalog.find(table.kind).open(table.options, traits)
        links.append(ConfiguredLink(table.name, table.kind, traits, link))
    return links


def link_traits(home: Path) -> dict[str, Traits]:
    """What each link of the settings file will be like; touches no device.

    Raises SettingsError.
    """
    settings = load(home)
    return {table.name: _traits(table, settings) for table in settings.links}


def _traits(table: LinkSettings, settings: Settings) -> Traits:
    """SettingsError ``clear_link`` for a link without encryption where that is not allowed."""
    traits = catalog.find(table.kind).traits(table.options, table.micros)
    if table.clear:
        traits = replace(traits, may_encrypt=False)
    if not traits.may_encrypt and not settings.clear.allowed:
        raise SettingsError("clear_link", link=table.name)
    return traits
