"""``sms send`` and ``sms list``: plain words to and from people who have no kit."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from crisiskit.cli.common import emit, examples, home_option, json_option, say
from crisiskit.errors import SettingsError, TrustError
from crisiskit.i18n import _
from crisiskit.installation import reading, writing
from crisiskit.mark import N_

LISTED_MAX = 1000
_STATES = {
    "kept": N_("waits for the link"),
    "sending": N_("is being sent"),
    "sent": N_("SENT"),
    "maybe": N_("may have been sent: ask before you send it again"),
    "refused": N_("refused by the network"),
    "delivered": N_("DELIVERED to the phone"),
    "undelivered": N_("not delivered"),
    "heard": N_("NOT AUTHENTICATED"),
}


@click.command(
    help=_("Send plain words to a phone number: READABLE BY ALL, and signed by nobody."),
    epilog=examples('crisiskit sms send --clear +262639123456 "Road to Sada closed"'),
)
@click.option("--clear", is_flag=True, help=_("READABLE BY ALL: without this nothing is sent."))
@click.option("--link", "wanted", metavar="NAME", help=_("The link; else the first that can."))
@click.argument("number")
@click.argument("text", nargs=-1, required=True)
@home_option
def send(home: Path, clear: bool, wanted: str | None, number: str, text: tuple[str, ...]) -> None:
    """Keep plain words for a phone."""
    from crisiskit.links import configured_links
    from crisiskit.settings import load
    from crisiskit.store import words
    from hardware.sms_pdu import NUMBER
    from transports.plain import Speaker

    if not load(home, links=False).clear.allowed:
        raise TrustError("clear_not_allowed")
    if not clear:
        raise click.UsageError(_("All can read these words on the way. Add --clear if they may."))
    if not NUMBER.fullmatch(number):
        raise click.BadParameter(_("“{word}” is no phone number.").format(word=number))
    said = " ".join(text).strip()
    if not said or len(said) > words.TEXT_CHARACTERS_MAX:
        limit = words.TEXT_CHARACTERS_MAX
        raise click.BadParameter(_("between 1 and {limit} characters").format(limit=limit))
    able = [one.name for one in configured_links(home) if isinstance(one.link, Speaker)]
    found = next((name for name in able if wanted in (None, name)), None)
    if found is None:
        raise SettingsError("no_link_for_words", path=home / "settings.toml")
    with writing(home) as store:
        words.keep(store, found, number, said)
    say(
        _("KEPT for {number}, by {link}. “crisiskit sms list” says what becomes of it.").format(
            number=number, link=found
        )
    )


@click.command(
    "list",
    help=_("List plain words, oldest first. What came in is authenticated by nobody."),
    epilog=examples("crisiskit sms list", "crisiskit sms list --json"),
)
@json_option
@home_option
def list_words(home: Path, as_json: bool) -> None:
    """List plain words."""
    from crisiskit.harmless import in_line
    from crisiskit.store import words

    with reading(home) as views:
        for one in words.listed(views, LISTED_MAX):
            if as_json:
                emit(
                    {
                        "box": one.box,
                        "at": one.at,
                        "number": one.number,
                        "text": one.text,
                        "state": one.state,
                        "state_at": one.state_at,
                        "clear": True,
                        "authentic": False,
                    }
                )
                continue
            when = datetime.fromtimestamp(one.at / 1000).strftime("%m-%d %H:%M")
            way = "<" if one.box == "in" else ">"
            number, text = in_line(one.number), in_line(one.text)
            click.echo(
                f"{when} {way} {number}  [{_('READABLE BY ALL')}; {_(_STATES[one.state])}]  {text}"
            )
