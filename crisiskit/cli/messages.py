"""``list``, ``show``, ``read`` and ``cancel``: what is there, and what can still be done."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from crisiskit.cli.common import emit, examples, home_option, json_option, say
from crisiskit.clock import wall_ms
from crisiskit.errors import CrisiskitError, UsageError
from crisiskit.i18n import _, ngettext
from crisiskit.installation import reading, writing
from crisiskit.model import Message, State
from crisiskit.store.views import Views

if TYPE_CHECKING:
    from crisiskit.prospects import Prospects

WATCH_S = 0.25
FOLLOWED_MAX = 1000


@click.command(
    "list",
    help=_("List messages, oldest first."),
    epilog=examples(
        "crisiskit list --box in --since 2h",
        "crisiskit list --box out --state held --json",
        "crisiskit list --follow --json",
    ),
)
@click.option(
    "--box",
    type=click.Choice(("in", "out", "all")),
    default="all",
    show_default=True,
    help=_("What came in, what was written here, or both."),
)
@click.option(
    "--state", type=click.Choice([state.value for state in State]), help=_("Only this state.")
)
@click.option("--since", metavar="T", help=_("Not older than: 2h, or a time."))
@click.option("--follow", is_flag=True, help=_("Go on with each new message and new state."))
@json_option
@home_option
def list_messages(
    home: Path, box: str, state: str | None, since: str | None, follow: bool, as_json: bool
) -> None:
    """List messages."""
    from crisiskit.cli import paper

    since_ms = None if since is None else _since(since)
    with reading(home) as views:
        print_one = paper.print_row
        if as_json:
            why = _whys(home, views)

            def print_one(message: Message) -> None:
                _emit_message(message, why)

        found = views.search(box, state, since_ms)
        if not as_json:
            paper.print_head(bool(found) or follow)
        for message in found:
            print_one(message)
        if follow:
            for message in _news(views, box, state, since_ms, found):
                print_one(message)


@click.command(
    help=_("Show one message. The beginning of its id is enough."),
    epilog=examples("crisiskit show 7KQ2-M3XD", "crisiskit show 7kq2 --json"),
)
@click.argument("id")
@json_option
@home_option
def show(home: Path, id: str, as_json: bool) -> None:
    """Show one message."""
    from crisiskit.store.order_views import kit_names

    with reading(home) as views:
        _print_whole(find(views, id), as_json, kit_names(views.rows), _whys(home, views))


@click.command(
    help=_("Show one message, and tell its author that it was read."),
    epilog=examples("crisiskit read 7KQ2-M3XD"),
)
@click.argument("id")
@json_option
@home_option
def read(home: Path, id: str, as_json: bool) -> None:
    """Show one message and send the reading receipt."""
    from crisiskit.store.order_views import kit_names

    with reading(home) as views, writing(home) as store:
        found = find(views, id)
        for message in found:
            store.mark_read(message.ref)
        _print_whole(find(views, found[0].id), as_json, kit_names(views.rows), _whys(home, views))


@click.command(
    help=_("Withdraw a message that was not sealed for sending yet."),
    epilog=examples("crisiskit cancel 7KQ2-M3XD"),
)
@click.argument("id")
@json_option
@home_option
def cancel(home: Path, id: str, as_json: bool) -> None:
    """Withdraw a message."""
    with reading(home) as views, writing(home) as store:
        found = [message for message in find(views, id) if message.box == "out"]
        withdrawn = 0
        for message in found:
            try:
                store.cancel(message.ref)
                withdrawn += 1
            except CrisiskitError as error:
                if error.code != "cancel_too_late":
                    raise
        if not withdrawn:
            raise CrisiskitError("cancel_too_late")
        if as_json:
            for message in find(views, found[0].id):
                _emit_message(message, _whys(home, views))
            return
    text = ngettext("Withdrawn for {n} station.", "Withdrawn for {n} stations.", withdrawn)
    say(text.format(n=withdrawn))
    if late := len(found) - withdrawn:
        text = ngettext("Too late for {n} station.", "Too late for {n} stations.", late)
        say(text.format(n=late))


def find(views: Views, typed: str) -> list[Message]:
    """The deliveries of the message whose id begins as typed."""
    from crisiskit.codec.record import parse_record_id

    prefix = parse_record_id(typed)
    if prefix is None:
        raise UsageError("message_unknown", id=typed)
    return views.find(prefix)


def _whys(home: Path, views: Views) -> Prospects | None:
    """Who can say why messages wait; None where the settings cannot be used."""
    from crisiskit.prospects import Prospects

    try:
        return Prospects(home, views)
    except CrisiskitError:
        return None


def _print_whole(
    found: Sequence[Message], as_json: bool, names: Mapping[int, str], why: Prospects | None
) -> None:
    from crisiskit.cli import paper
    from crisiskit.waits import wait_text

    if as_json:
        for message in found:
            _emit_message(message, why)
        return
    waits = {}
    for message in found:
        wait = why.waits(message) if why else None
        if why is not None and wait is not None:
            waits[message.ref] = wait_text(wait, why.currencies)
    paper.print_whole(found, names, waits)


def _emit_message(message: Message, why: Prospects | None) -> None:
    from crisiskit.jsonform import message_json
    from crisiskit.waits import wait_json

    wait = why.waits(message) if why else None
    emit({**message_json(message), "waits": wait_json(wait, why.currencies if why else {})})


def _since(word: str) -> int:
    from crisiskit.cli.when import instant

    return instant(word, wall_ms(), ahead=False)


def _news(
    views: Views, box: str, state: str | None, since: int | None, found: Sequence[Message]
) -> Iterator[Message]:
    """Messages as they come and as their state changes, until interrupted.

    Looks at the newest ``FOLLOWED_MAX`` only, and only after a commit.
    """
    known = {message.ref: message.state for message in found}
    version = views.data_version()
    while True:
        time.sleep(WATCH_S)
        if (latest := views.data_version()) == version:
            continue
        version = latest
        after = max(known, default=0) - FOLLOWED_MAX
        for message in views.search(box, state, since, after):
            if known.get(message.ref) is not message.state:
                known[message.ref] = message.state
                yield message
