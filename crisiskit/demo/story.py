"""The demo as text: real messages, their bytes and credits, and their states as they move."""

from __future__ import annotations

import time
from collections.abc import Iterator

import click

from crisiskit.clock import minute_of, wall_ms
from crisiskit.compose import compose_form
from crisiskit.demo import operator
from crisiskit.demo.stage import Stage
from crisiskit.i18n import _, ngettext
from crisiskit.installation import reading, writing
from crisiskit.links import link_traits
from crisiskit.model import Message, Precedence, Record, RecordKind, State
from crisiskit.render import money_text, one_line, precedence_word, state_word
from crisiskit.store.store import Draft
from crisiskit.store.views import Views
from crisiskit.sync.plan import estimate

LOOK_S = 0.1
DEFAULT_S = 120.0


def tell(stage: Stage, seconds: float) -> int:
    """Play the story to its end; 0 when every message was read at the other end."""
    end = time.monotonic() + (seconds or DEFAULT_S)
    began = time.monotonic()
    click.echo(_("A kit, a played Iridium 9602, its gateway and a center. The team writes:"))
    drafts = list(_drafts())
    with writing(stage.kit) as store:
        ids = store.keep(drafts)
    for name, draft in zip(ids, drafts, strict=True):
        _show_price(stage, name, draft)
    stage.start("agent", "--home", str(stage.kit))
    with reading(stage.kit) as kit, reading(stage.center) as center:
        return _watch(stage, kit, center, began, end)


def _drafts() -> Iterator[Draft]:
    minute = minute_of(wall_ms())
    texts = (
        (Precedence.FLASH, _("Hospital roof torn off, 14 injured, landing zone clear.")),
        (Precedence.PRIORITY, _("Bridge on the coast road is gone. The village is cut off.")),
        (Precedence.ROUTINE, _("220 people in the school. Water for one day, food for two.")),
    )
    for precedence, text in texts:
        yield Draft(RecordKind.TEXT, precedence, text)
    needs = {"place": _("school"), "urgency": "today", "people": "220"}
    data, text = compose_form("needs", needs, minute)
    yield Draft(RecordKind.FORM, Precedence.PRIORITY, text, data)


def _show_price(stage: Stage, name: str, draft: Draft) -> None:
    record = Record(draft.kind, draft.precedence, minute_of(wall_ms()), draft.text, draft.data)
    price = estimate(record, 1, link_traits(stage.kit))[0]
    words = _("{id}  {precedence}  {text}\n    alone: {bytes} B, {credits}, {money}")
    click.echo(
        words.format(
            id=name,
            precedence=precedence_word(draft.precedence),
            text=one_line(draft.kind, draft.data, draft.text, width=56),
            bytes=price.frame_bytes,
            credits=_credits(price.credits),
            money=money_text(price.micros),
        )
    )


def _watch(stage: Stage, kit: Views, center: Views, began: float, end: float) -> int:
    """Tell every change of state; the operator and the team act as messages come in."""
    seen: dict[tuple[str, int], State] = {}
    ordered = False
    while time.monotonic() < end:
        stage.check()
        for where, views in (("kit", kit), ("center", center)):
            for message in reversed(views.page()):
                if seen.get((where, message.ref)) != message.state:
                    seen[where, message.ref] = message.state
                    _tell_state(where, message, time.monotonic() - began)
        for message in center.triage():
            operator.open_message(stage.center, message)
            if message.precedence is Precedence.FLASH:
                operator.confirm(stage.center, message)
        if not ordered and not center.triage() and center.count("in"):
            operator.order(stage.center)
            ordered = True
        for message in kit.triage():
            operator.open_message(stage.kit, message)
        if ordered and all(_all_read(views) for views in (kit, center)):
            return _sum_up(kit, time.monotonic() - began)
        time.sleep(LOOK_S)
    click.echo(_("The time is up before every message was read."), err=True)
    return 1


def _all_read(views: Views) -> bool:
    return set(views.tally("out")) == {"read"} and views.unread() == 0


def _tell_state(where: str, message: Message, at_s: float) -> None:
    """One line: when, where, which message, what it is now."""
    place = _("kit   ") if where == "kit" else _("center")
    if message.box == "out":
        what = state_word(message.state)
    else:
        what = _("opened") if message.state is State.READ else _("came in")
    text = one_line(message.kind, message.data, message.text, width=34)
    cost = ""
    if message.box == "out" and message.state is State.SENT:
        cost = _("  {bytes} B, {credits}, by {link}").format(
            bytes=message.frame_bytes, credits=_credits(message.credits), link=message.link
        )
    click.echo(f"{at_s:6.1f} s  {place}  {message.id}  {what:8}  {text}{cost}")


def _credits(count: int) -> str:
    return ngettext("{n} credit", "{n} credits", count).format(n=count)


def _sum_up(kit: Views, took_s: float) -> int:
    link = kit.links(wall_ms())[0]
    words = _(
        "All read in {seconds:.0f} s: nothing lost, nothing doubled."
        " The kit spent {bytes} B, {credits}, {money}."
    )
    click.echo(
        words.format(
            seconds=took_s,
            bytes=link.bytes_today,
            credits=_credits(link.credits_today),
            money=money_text(link.micros_today),
        )
    )
    return 0
