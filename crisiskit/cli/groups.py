"""Groups of commands, imported when they are called, and the groups below the first two levels."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

import click

from crisiskit.cli.common import examples
from crisiskit.i18n import _


class LazyGroup(click.Group):
    """A group whose commands are named as ``module:attribute`` and imported when needed."""

    def __init__(self, name: str, help: str, example: str, places: Mapping[str, str]) -> None:
        super().__init__(name, help=help, epilog=examples(example))
        self.places = places

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the table."""
        return list(self.places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command."""
        place = self.places.get(cmd_name)
        if place is None:
            return None
        module, _colon, attribute = place.partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command


class OrderGroup(LazyGroup):
    """``order TEXT`` gives an order; the words of its commands come first."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """What is no command and no plea for help is the order itself."""
        if args and args[0] not in (*self.places, "--help"):
            args = ["give", *args]
        return super().parse_args(ctx, args)


order = OrderGroup(
    "order",
    _("Give signed orders, take them back, answer them. Without a command: give one."),
    "crisiskit order --to Delta-2 --life 2h Open the school as a shelter",
    {
        "give": "crisiskit.cli.orders:give",
        "sign": "crisiskit.cli.orders:sign_order",
        "cancel": "crisiskit.cli.orders:cancel",
        "list": "crisiskit.cli.orders:list_orders",
        "show": "crisiskit.cli.orders:show",
        "answer": "crisiskit.cli.orders:answer",
    },
)
link = LazyGroup(
    "link",
    _("Set up a link, find its device, try it."),
    "crisiskit link add",
    {
        "add": "crisiskit.cli.linkadd:add_link",
        "find": "crisiskit.cli.linkfind:find",
        "test": "crisiskit.cli.linktest:test",
    },
)
duty = LazyGroup(
    "duty",
    _("The keys operators sign orders with."),
    "crisiskit center duty new Ali",
    {
        "new": "crisiskit.cli.trust:duty_new",
        "list": "crisiskit.cli.trust:duty_list",
        "revoke": "crisiskit.cli.trust:duty_revoke",
    },
)
root = LazyGroup(
    "root",
    _("The three root keys of a network, on offline media."),
    "crisiskit center root new -o /media/stick-a/root-a.key",
    {"new": "crisiskit.cli.trust:root_new", "sign": "crisiskit.cli.trust:root_sign"},
)
bundle = LazyGroup(
    "bundle",
    _("What two of three roots vouch for: authorities, duty keys, grave kinds."),
    "crisiskit center bundle install trust-ab.cktb",
    {"make": "crisiskit.cli.trust:bundle_make", "install": "crisiskit.cli.trust:bundle_install"},
)
quarantine = LazyGroup(
    "quarantine",
    _("What revoked kits and unknown stations sent: set aside, never deleted."),
    "crisiskit center quarantine list",
    {
        "list": "crisiskit.cli.trust:quarantine_list",
        "show": "crisiskit.cli.trust:quarantine_show",
        "export": "crisiskit.cli.trust:quarantine_export",
    },
)
