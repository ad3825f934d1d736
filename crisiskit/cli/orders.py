"""``order``: give one, sign it as the second, take it back, list them, answer them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from crisiskit.cli.common import emit, examples, home_option, json_option, say
from crisiskit.cli.passphrase import asker
from crisiskit.clock import wall_ms
from crisiskit.errors import CrisiskitError, UsageError
from crisiskit.i18n import _
from crisiskit.installation import open_installation, reading, writing
from crisiskit.model import CENTER, Order

LIFE_USUAL = "1d"
NO_END = ("none", "sans")

passphrase_option = click.option(
    "--passphrase-file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help=_("Read the passphrase of your duty key from a file instead of asking."),
)
key_option = click.option(
    "--key",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help=_("Your duty key file, if it is not in the folder of this center."),
)
by_option = click.option("--by", metavar="NAME", help=_("Whose duty key signs."))


@click.command(
    help=_("Give an order: sign it with your duty key and queue it. Prints its number."),
    epilog=examples(
        "crisiskit order --to Delta-2 --life 2h Open the school as a shelter",
        "crisiskit order --to all --exercise Report your water reserves",
        "crisiskit order --to all --grave --second-signer Prefect Evacuate the shore",
        'crisiskit order give --kind wipe --to Delta-2 --second-signer Prefect "Kit is lost"',
    ),
)
@click.option("--to", multiple=True, metavar="KIT", help=_("A kit's name or number, or all."))
@click.option(
    "--life", default=LIFE_USUAL, show_default=True, metavar="T", help=_("In force for: 2h, 1d.")
)
@click.option("--exercise", is_flag=True, help=_("An EXERCISE order, never to be taken as real."))
@click.option("--answer", is_flag=True, help=_("A person must send back the code of the card."))
@click.option("--grave", is_flag=True, help=_("Two people must sign it before it leaves."))
@click.option("--second-signer", metavar="NAME", help=_("Who signs as the second."))
@click.option(
    "--kind",
    type=click.Choice(("order", "wipe", "time")),
    default="order",
    show_default=True,
    help=_("wipe erases a lost kit, time tells kits the time."),
)
@click.option("-p", "--precedence", default="immediate", metavar="P", show_default=True)
@by_option
@key_option
@passphrase_option
@json_option
@home_option
@click.argument("words", nargs=-1, metavar="TEXT...")
def give(home: Path, as_json: bool, **given: Any) -> None:
    """Give an order."""
    from crisiskit import orders
    from crisiskit.duty import number_of, open_signer
    from crisiskit.store import issue
    from crisiskit.store.order_views import kit_numbers, revoked_kits

    _at_center(home)
    with reading(home) as views:
        wanted = _wanted(given, kit_numbers(views.rows), revoked_kits(views.rows))
    with writing(home) as store:
        trust = issue.trust(store)
        first = number_of(trust, given["by"])
        second = number_of(trust, given["second_signer"]) if given["second_signer"] else None
        if second is None and orders.needs_second(trust, wanted):
            raise UsageError("order_needs_second")
        if second == first:
            raise UsageError("order_same_signer")
        signer = open_signer(home, trust, first, asker(given["passphrase_file"]), given["key"])
        signed = orders.give(store, wanted, signer, second)
    _tell(home, signed.number, as_json)
    if second is not None and not as_json:
        words = _("It waits for its second signature: crisiskit order sign {number}")
        say(words.format(number=signed.number))


def _wanted(given: dict[str, Any], numbers: dict[str, int], revoked: frozenset[str]) -> Any:
    from crisiskit.codec.objects import ObjectKind
    from crisiskit.compose import parse_duration, parse_precedence
    from crisiskit.orders import Wanted, addressed, compose_order

    if not given["to"]:
        raise click.UsageError(_("Say to whom: --to all, or --to with a kit's name or number."))
    kind = ObjectKind[given["kind"].upper()]
    kits = addressed(numbers, given["to"], revoked)
    if kind is ObjectKind.WIPE and len(kits) != 1:
        raise click.UsageError(_("A wipe names one kit: --to with its name or number."))
    if kind is ObjectKind.TIME and given["words"]:
        raise click.UsageError(_("The time needs no words."))
    text = compose_order(" ".join(given["words"]), needed=kind is ObjectKind.ORDER)
    life = 0 if given["life"] in NO_END else parse_duration(given["life"])
    return Wanted(
        kind,
        kits,
        text,
        life,
        given["exercise"],
        given["answer"] and kind is ObjectKind.ORDER,
        given["grave"],
        parse_precedence(given["precedence"]),
    )


@click.command(
    "sign",
    help=_("Sign a waiting order as its second signer: then it leaves."),
    epilog=examples("crisiskit order sign 12"),
)
@click.argument("number", type=click.IntRange(1, 65535))
@key_option
@passphrase_option
@json_option
@home_option
def sign_order(
    home: Path, number: int, key: Path | None, passphrase_file: Path | None, as_json: bool
) -> None:
    """Sign as the second."""
    from crisiskit import orders
    from crisiskit.cli.paper import print_card
    from crisiskit.duty import open_signer
    from crisiskit.store import issue

    _at_center(home)
    with writing(home) as store:
        waiting, trust = issue.draft(store, number), issue.trust(store)
        if not as_json:
            print_card(_order(home, number), _names(home), err=True)
        place = waiting.signers[len(waiting.signatures)]
        signer = open_signer(home, trust, place, asker(passphrase_file), key)
        orders.cosign(store, number, signer)
    _tell(home, number, as_json)


@click.command(
    help=_("Take an order back: withdraw it, or send a signed cancel after it."),
    epilog=examples("crisiskit order cancel 12"),
)
@click.argument("number", type=click.IntRange(1, 65535))
@by_option
@key_option
@passphrase_option
@json_option
@home_option
def cancel(
    home: Path,
    number: int,
    by: str | None,
    key: Path | None,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Take an order back."""
    from crisiskit import orders
    from crisiskit.duty import number_of, open_signer
    from crisiskit.store import issue

    _at_center(home)
    order = _order(home, number)
    with writing(home) as store:
        try:
            sent = orders.cancel(store, order, None)
        except UsageError as error:
            if error.code != "order_left":
                raise
            trust = issue.trust(store)
            signer = open_signer(home, trust, number_of(trust, by), asker(passphrase_file), key)
            sent = orders.cancel(store, order, signer)
    if as_json:
        emit({"number": number, "withdrawn": sent is None, "by": sent and sent.number})
    elif sent is None:
        say(_("Order {number} was withdrawn: no kit has it.").format(number=number))
    else:
        say(_("Order {number} is cancelled; the cancel is on its way.").format(number=number))


@click.command(
    "list",
    help=_("List orders, oldest first, with what they are worth now."),
    epilog=examples("crisiskit order list", "crisiskit order list --json"),
)
@json_option
@home_option
def list_orders(home: Path, as_json: bool) -> None:
    """List orders."""
    from crisiskit.cli.order_paper import print_row
    from crisiskit.jsonform import order_json
    from crisiskit.store.order_views import kit_names, orders

    now = wall_ms()
    with reading(home) as views:
        found, names = orders(views.rows), kit_names(views.rows)
    for order in found:
        if as_json:
            emit(order_json(order, now))
        else:
            print_row(order, now, names)
    if not found and not as_json:
        say(_("No orders."))


@click.command(
    help=_("Show the card of an order, and who answered it."),
    epilog=examples("crisiskit order show 12"),
)
@click.argument("number", type=click.IntRange(1, 65535))
@json_option
@home_option
def show(home: Path, number: int, as_json: bool) -> None:
    """Show one order."""
    from crisiskit.cli.order_paper import print_answers
    from crisiskit.cli.paper import print_card
    from crisiskit.jsonform import iso, order_json
    from crisiskit.store.order_views import answers

    order = _order(home, number)
    with reading(home) as views:
        came = answers(views.rows, number)
    if not as_json:
        print_card(order, _names(home))
        print_answers(came)
        return
    rows = [
        {"kit": one.kit, "at": iso(one.at), "correct": one.correct, "text": one.text}
        for one in came
    ]
    emit({**order_json(order, wall_ms()), "answered_by": rows})


@click.command(
    help=_("On a kit: tell the center that you read an order, with the code of its card."),
    epilog=examples("crisiskit order answer 12 4711", "crisiskit order answer 12 4711 On our way"),
)
@click.argument("number", type=click.IntRange(1, 65535))
@click.argument("code")
@click.argument("words", nargs=-1, metavar="[TEXT...]")
@json_option
@home_option
def answer(home: Path, number: int, code: str, words: tuple[str, ...], as_json: bool) -> None:
    """Answer an order."""
    from crisiskit import orders

    if open_installation(home).role == CENTER:
        raise CrisiskitError("not_a_kit", path=home)
    order = _order(home, number)
    with writing(home) as store:
        code = orders.answer(store, order, code, " ".join(words))
    if as_json:
        emit({"id": code, "number": number})
    else:
        click.echo(code)


def _at_center(home: Path) -> None:
    if open_installation(home).role != CENTER:
        raise CrisiskitError("not_a_center", path=home)


def _order(home: Path, number: int) -> Order:
    from crisiskit.store.order_views import order

    with reading(home) as views:
        return order(views.rows, number)


def _names(home: Path) -> dict[int, str]:
    from crisiskit.store.order_views import kit_names

    with reading(home) as views:
        return kit_names(views.rows)


def _tell(home: Path, number: int, as_json: bool) -> None:
    from crisiskit.jsonform import order_json

    if not as_json:
        click.echo(str(number))
        return
    with reading(home) as views:
        from crisiskit.store.order_views import orders

        found = next((one for one in orders(views.rows) if one.number == number), None)
    emit({"number": number} if found is None else order_json(found, wall_ms()))
