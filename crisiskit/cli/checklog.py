"""``log verify`` without a file: whether the log of this installation is whole and right."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from crisiskit.cli.common import emit
from crisiskit.errors import TrustError
from crisiskit.i18n import N_, _, ngettext
from crisiskit.installation import open_installation

if TYPE_CHECKING:
    from crisiskit.audit.report import Finding, Report, Tally
    from crisiskit.store.logbook import Logbook

SHOWN_MOST = 100
_PROGRESS_EVERY = 1000
_NOTHING = -1

SENTENCES = {
    "missing": N_(
        "life {epoch}, from envelope {number} on: something is missing that was signed or "
        "counted. It may still come in; else it was taken out."
    ),
    "missing_message": N_("message {id} (life {epoch}, envelope {number}) was taken out."),
    "life": N_("life {epoch} is missing or cannot be read, though others speak of it."),
    "life_unknown": N_("a whole life was taken out: their numbers have a hole."),
    "frame": N_("life {epoch}, envelope {number}: the sealed bytes were altered."),
    "leaf": N_("life {epoch}, envelope {number}: its hash does not fit what it holds."),
    "chain": N_("life {epoch}, envelope {number}: the chain of hashes is broken."),
    "digests": N_("life {epoch}, envelope {number}: the list of its records was altered."),
    "signature": N_("life {epoch}, envelope {number}: the signature is wrong."),
    "checkpoint": N_(
        "life {epoch}, envelope {number}: its author says later that this life ended otherwise."
    ),
    "claim": N_("life {epoch}: the database claims more than is signed or sent ({number})."),
    "key": N_("a public key is not that of its station."),
    "record": N_("message {id} was altered: its words do not fit its digest."),
    "record_own": N_("life {epoch}, envelope {number}: a record of this station was altered."),
    "place": N_("message {id} stands in life {epoch}, envelope {number}, where the log has none."),
    "stray": N_("message {id} names an envelope that is not there (life {epoch}, {number})."),
}


@contextmanager
def logbook(home: Path) -> Iterator[tuple[Logbook, bytes]]:
    """The log of an installation, and the public key of its center."""
    from crisiskit.crypto.enrol import FILE_BYTES_MAX, read_center_file
    from crisiskit.files import read_small
    from crisiskit.keystore import opened
    from crisiskit.store.logbook import Logbook

    places = open_installation(home).places
    center = read_center_file(read_small(places.network, FILE_BYTES_MAX))
    with closing(Logbook(places.store, opened(home).vault)) as book:
        yield book, center.authority_public


def check_home(home: Path, as_json: bool) -> None:
    """Check all and print it. Raises TrustError ``log_wrong`` when something is wrong."""
    from crisiskit.audit.check import check_log

    wrong = 0
    with logbook(home) as (book, authority), _progress(book) as step:
        for report in check_log(book, authority, step):
            wrong += report.wrong
            if as_json:
                emit(_facts(report))
            else:
                _print(report)
    if wrong:
        raise TrustError("log_wrong", n=wrong)
    if not as_json:
        click.echo(_("Nothing is missing and nothing was altered."))


def sentence(finding: Finding) -> str:
    """What is wrong, in one sentence."""
    code = finding.wrong.value
    if code == "missing" and finding.id:
        code = "missing_message"
    elif code == "life" and finding.epoch == _NOTHING:
        code = "life_unknown"
    elif code == "record" and not finding.id:
        code = "record_own"
    return _(SENTENCES[code]).format(id=finding.id, epoch=finding.epoch, number=finding.number)


@contextmanager
def _progress(book: Logbook) -> Iterator[Callable[[int], None]]:
    """How far it is, on a terminal only; on standard error."""
    if not sys.stderr.isatty():
        yield lambda _done: None
        return
    total, done, shown = book.size(), 0, 0

    def step(more: int) -> None:
        nonlocal done, shown
        done += more
        if done - shown >= _PROGRESS_EVERY:
            shown = done
            share = min(100, 100 * done // max(1, total))
            click.echo("\r" + _("Checking: {share} %").format(share=share), err=True, nl=False)

    yield step
    if shown:
        click.echo("\r\x1b[K", err=True, nl=False)


def _print(report: Report) -> None:
    if report.name:
        click.echo(f"{report.name} ({report.number})")
        click.echo("  " + _("came in: {figures}").format(figures=_figures(report.came)))
        click.echo("  " + _("sent: {figures}").format(figures=_figures(report.went)))
    elif report.wrong:
        click.echo(_("Written here"))
    for finding in report.findings[:SHOWN_MOST]:
        click.echo("  ! " + _ways(finding.box) + sentence(finding))
    if report.wrong > SHOWN_MOST:
        click.echo("  ! " + _("and {n} more").format(n=report.wrong - SHOWN_MOST))


def _ways(box: str) -> str:
    return {"in": _("came in") + ", ", "out": _("sent") + ", "}.get(box, "")


def _figures(tally: Tally) -> str:
    """``3 lives, 40 envelopes, 120 records: 118 signed, 2 authentic only``."""
    lives = ngettext("{n} life", "{n} lives", tally.lives).format(n=tally.lives)
    envelopes = ngettext("{n} envelope", "{n} envelopes", tally.envelopes)
    records = ngettext("{n} record", "{n} records", tally.records)
    signed = _("{signed} signed, {authentic} authentic only").format(
        signed=tally.signed, authentic=tally.records - tally.signed
    )
    words = [lives, envelopes.format(n=tally.envelopes), records.format(n=tally.records)]
    text = f"{', '.join(words)}: {signed}"
    if tally.unread:
        text += ", " + ngettext(
            "{n} envelope not decoded", "{n} envelopes not decoded", tally.unread
        ).format(n=tally.unread)
    if tally.closed:
        text += ", " + ngettext(
            "{n} envelope whose key is gone", "{n} envelopes whose keys are gone", tally.closed
        ).format(n=tally.closed)
    return text


def _facts(report: Report) -> dict[str, object]:
    return {
        "station": report.name or None,
        "number": report.number or None,
        "came": _tally(report.came),
        "sent": _tally(report.went),
        "wrong": report.wrong,
        "findings": [_finding(finding) for finding in report.findings],
    }


def _tally(tally: Tally) -> dict[str, object]:
    return {
        "lives": tally.lives,
        "envelopes": tally.envelopes,
        "records": tally.records,
        "signed": tally.signed,
        "authentic_only": tally.records - tally.signed,
        "not_decoded": tally.unread,
        "key_gone": tally.closed,
    }


def _finding(finding: Finding) -> dict[str, object]:
    return {
        "wrong": finding.wrong.value,
        "box": finding.box or None,
        "epoch": None if finding.epoch == _NOTHING else finding.epoch,
        "envelope": None if finding.number == _NOTHING else finding.number,
        "id": finding.id or None,
        "says": sentence(finding),
    }
