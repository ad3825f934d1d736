"""The settings file a new installation begins with: every line ready, none of them in force."""

from __future__ import annotations

from crisiskit.i18n import N_, _
from crisiskit.model import CENTER

Example = tuple[str, tuple[str, ...]]

_KIT: tuple[Example, ...] = (
    (
        N_("An Iridium 9602 or 9603 satellite modem on a serial port."),
        (
            'name = "sat"',
            'kind = "sbd"',
            'port = "/dev/ttyUSB0"',
            'price = { credit_micros = 60000, currency = "EUR" }',
        ),
    ),
    (
        N_("A RockBLOCK 9704 satellite modem (Iridium IMT) on a serial port."),
        (
            'name = "imt"',
            'kind = "imt"',
            'port = "/dev/ttyUSB0"',
            "credit_bytes = 1000",
            'price = { credit_micros = 60000, currency = "EUR" }',
        ),
    ),
    (
        N_("A network: cable, Wi-Fi, mobile network or satellite broadband."),
        ('name = "lan"', 'kind = "tcp"', 'host = "192.0.2.10"', "port = 7411"),
    ),
    (
        N_("Kits and the center on the same local network, who find each other by themselves."),
        ('name = "nearby"', 'kind = "neighbours"'),
    ),
    (
        N_("A radio modem or a cable on a serial port."),
        ('name = "radio"', 'kind = "serial"', 'port = "/dev/ttyUSB1"', "baud = 9600"),
    ),
)
_CENTER: tuple[Example, ...] = (
    (
        N_("Kits that call over a network. The address 0.0.0.0 means every network here."),
        ('name = "lan"', 'kind = "tcp-listen"', 'bind = "0.0.0.0"', "port = 7411"),
    ),
    (
        N_("The Iridium gateway (DirectIP), as agreed with the service provider."),
        (
            'name = "sat"',
            'kind = "directip"',
            'bind = "0.0.0.0"',
            "port = 10800",
            'gateway_host = "192.0.2.20"',
            "gateway_port = 10800",
            'price = { credit_micros = 60000, currency = "EUR" }',
        ),
    ),
    (
        N_("Ground Control's web service for RockBLOCK modems: see docs/gateways.md."),
        (
            'name = "rockblock"',
            'kind = "webhook"',
            "port = 10880",
            'key_file = "/etc/crisiskit/groundcontrol.pub"',
            'credentials_file = "/etc/crisiskit/rockblock.login"',
            'price = { credit_micros = 110000, currency = "EUR" }',
        ),
    ),
    (
        N_("Kits and the center on the same local network, who find each other by themselves."),
        ('name = "nearby"', 'kind = "neighbours"'),
    ),
    (
        N_("A radio modem or a cable on a serial port."),
        ('name = "radio"', 'kind = "serial"', 'port = "/dev/ttyUSB0"', "baud = 9600"),
    ),
)


def starter_settings(role: str) -> str:
    """The text of ``settings.toml`` for a ``center`` or a ``kit``, in the chosen language."""
    lines = [
        f"# {_('Settings of this installation. “crisiskit doctor” checks them.')}",
        f"# {_('To use a link, take away the # before each of its lines and correct them.')}",
        "",
        '#language = "fr"',
        '#log_level = "info"',
    ]
    for title, keys in _CENTER if role == CENTER else _KIT:
        lines += ["", f"# {_(title)}", "#[[link]]", *(f"#{key}" for key in keys)]
    return "\n".join([*lines, ""])
