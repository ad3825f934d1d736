"""The links of an installation: from its settings file to objects ready to run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from crisiskit.errors import SettingsError
from crisiskit.i18n import _
from crisiskit.model import Precedence
from crisiskit.settings import FILE_NAME, LinkSettings, Settings, load
from crisiskit.step import Purse
from crisiskit.sync.budget import Budget
from crisiskit.sync.policy import Policy, Terms
from crisiskit.sync.relay import RelayPolicy
from transports import catalog
from transports.introduction import Introduced, Introducer
from transports.link import Link, Traits

MICROS_PER_UNIT = 1_000_000
FRAME_BYTES_LEAST = 48


@dataclass(frozen=True, slots=True)
class ConfiguredLink:
    """A link by its name in the settings file."""

    name: str
    kind: str
    traits: Traits
    link: Link


def configured_links(home: Path, introducer: Introducer | None = None) -> list[ConfiguredLink]:
    """All links of the settings file, none of them open. Raises SettingsError.

    ``introducer`` is for those whose peers must prove who they are.
    """
    settings = load(home)
    links = []
    for table in settings.links:
        traits = _traits(table, settings)
        link = catalog.find(table.kind).open(table.options, traits)
        if isinstance(link, Introduced):
            link.introducer = introducer
        links.append(ConfiguredLink(table.name, table.kind, traits, link))
    return links


def link_traits(home: Path) -> dict[str, Traits]:
    """What each link of the settings file will be like; touches no device.

    Raises SettingsError.
    """
    settings = load(home)
    return {table.name: _traits(table, settings) for table in settings.links}


def link_policy(home: Path, settings: Settings | None = None) -> Policy:
    """On what terms each link of the settings file may be used; touches no device.

    Raises SettingsError.
    """
    settings = settings or load(home)
    path = home / FILE_NAME
    links = {table.name: _terms(table, settings, path) for table in settings.links}
    return Policy(links, settings.patience)


def _terms(table: LinkSettings, settings: Settings, path: Path) -> Terms:
    """SettingsError for a budget that this link does not count, or that pays for no frame."""
    traits, given = _traits(table, settings), table.budget
    micros = None if given.money is None else round(given.money * MICROS_PER_UNIT)
    budget = Budget(given.credits, given.bytes, micros)
    wrong = ""
    if given.credits is not None and not traits.credit_bytes:
        wrong = _("counts credits, and this link has none: give bytes or money")
    elif micros is not None and not traits.price(traits.mtu_bytes).micros:
        wrong = _("needs a price of this link")
    elif budget.frame_bytes_paid(Precedence.ROUTINE, Purse(0), traits) < FRAME_BYTES_LEAST:
        wrong = _("is too small: its everyday share pays for no message")
    if wrong:
        key = f"link {table.name}.budget"
        raise SettingsError("settings_wrong_value", path=path, key=key, why=wrong)
    return Terms(traits, table.hours, budget)


def relay_policy(home: Path) -> RelayPolicy:
    """What the settings let this station do for neighbours. Raises SettingsError."""
    settings = load(home)
    relay = settings.relay
    ways = [_traits(table, settings) for table in settings.links]
    return RelayPolicy(
        relay.allowed,
        Precedence[relay.precedence.upper()],
        relay.credits_day,
        relay.bytes_day,
        min((traits.mtu_bytes for traits in ways if _carries_on(traits)), default=0),
    )


def _carries_on(traits: Traits) -> bool:
    """Whether a link may lead to the center without help, and carries what is encrypted."""
    return not traits.proves and traits.may_encrypt and traits.returns


def _traits(table: LinkSettings, settings: Settings) -> Traits:
    """SettingsError ``clear_link`` for a link without encryption where that is not allowed."""
    traits = catalog.find(table.kind).traits(table.options, table.micros)
    if table.clear:
        traits = replace(traits, may_encrypt=False)
    if not traits.may_encrypt and not settings.clear.allowed:
        raise SettingsError("clear_link", link=table.name)
    return traits
