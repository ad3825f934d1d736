"""The command ``crisiskit``: which commands there are, and how each ends.

A command module is imported when its command is called, or when help lists it.
"""

from __future__ import annotations

import errno
import gettext
import os
import sys
from collections.abc import Sequence

import click

from crisiskit import __version__
from crisiskit.cli.common import secret_at_terminal
from crisiskit.cli.groups import LazyGroup
from crisiskit.errors import CrisiskitError
from crisiskit.i18n import DOMAIN, LOCALES, _, explain, language
from crisiskit.passphrase import ask_with

INTERRUPTED = 130


center = LazyGroup(
    "center",
    _("Set up and run a center: the far end of all its kits."),
    "crisiskit center init --name Prefecture",
    {
        "init": "crisiskit.cli.enrolment:center_init",
        "enrol": "crisiskit.cli.enrolment:center_enrol",
        "run": "crisiskit.cli.running:center_run",
        "revoke": "crisiskit.cli.trust:revoke",
        "duty": "crisiskit.cli.groups:duty",
        "root": "crisiskit.cli.groups:root",
        "bundle": "crisiskit.cli.groups:bundle",
        "quarantine": "crisiskit.cli.groups:quarantine",
    },
)
kit = LazyGroup(
    "kit",
    _("Set up a kit: make its keys, ask its center, take the answer."),
    "crisiskit kit init Delta-2 --center network.ckcn",
    {
        "init": "crisiskit.cli.enrolment:kit_init",
        "request": "crisiskit.cli.enrolment:kit_request",
        "activate": "crisiskit.cli.enrolment:kit_activate",
        "bundle": "crisiskit.cli.trust:bundle_install",
    },
)
log = LazyGroup(
    "log",
    _("Check the log, hand it to others, prove what is in it."),
    "crisiskit log export --format csv -o log.csv",
    {
        "export": "crisiskit.cli.log:export",
        "verify": "crisiskit.cli.verify:verify",
        "proof": "crisiskit.cli.proof:proof",
    },
)
simulate = LazyGroup(
    "simulate",
    _("Play a satellite modem or gateway, or radios, faults included."),
    "crisiskit simulate modem --port sat0 --gateway 127.0.0.1:7402",
    {
        "modem": "crisiskit.cli.simulate:modem",
        "gateway": "crisiskit.cli.simulate:gateway",
        "tnc": "crisiskit.cli.simulate_tnc:tnc",
        "sms": "crisiskit.cli.simulate_sms:sms",
    },
)
sms = LazyGroup(
    "sms",
    _("Plain words to and from people without a kit, by a link of kind sms."),
    'crisiskit sms send --clear +262639123456 "Road to Sada closed"',
    {"send": "crisiskit.cli.sms:send", "list": "crisiskit.cli.sms:list_words"},
)
cli = LazyGroup(
    "crisiskit",
    _("Messages that reach the center, whatever links are left."),
    "crisiskit demo",
    {
        "demo": "crisiskit.cli.demo:demo",
        "kit": "crisiskit.cli.main:kit",
        "center": "crisiskit.cli.main:center",
        "send": "crisiskit.cli.send:send",
        "list": "crisiskit.cli.messages:list_messages",
        "show": "crisiskit.cli.messages:show",
        "read": "crisiskit.cli.messages:read",
        "save": "crisiskit.cli.save:save_files",
        "cancel": "crisiskit.cli.messages:cancel",
        "log": "crisiskit.cli.main:log",
        "order": "crisiskit.cli.groups:order",
        "field": "crisiskit.cli.screens:field",
        "desk": "crisiskit.cli.screens:desk",
        "agent": "crisiskit.cli.running:agent",
        "links": "crisiskit.cli.links:links",
        "stick": "crisiskit.cli.stick:stick",
        "link": "crisiskit.cli.groups:link",
        "backup": "crisiskit.cli.backup:backup",
        "restore": "crisiskit.cli.backup:restore",
        "panic": "crisiskit.cli.panic:panic",
        "passphrase": "crisiskit.cli.protection:passphrase",
        "unlock": "crisiskit.cli.protection:unlock",
        "lock": "crisiskit.cli.protection:lock",
        "sms": "crisiskit.cli.main:sms",
        "simulate": "crisiskit.cli.main:simulate",
        "doctor": "crisiskit.cli.doctor:doctor",
    },
)
click.version_option(__version__, prog_name="crisiskit")(cli)


def run(arguments: Sequence[str]) -> int:
    """Run one command; its exit status.

    Trouble in the world becomes one sentence on standard error. A bug keeps its traceback.
    """
    _teach_click()
    ask_with(lambda _home: secret_at_terminal(_("Passphrase:")))
    try:
        status = cli.main(list(arguments), prog_name="crisiskit", standalone_mode=False)
        return status if isinstance(status, int) else 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except CrisiskitError as error:
        return fail(error)
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except OSError as error:
        if error.errno == errno.EPIPE:
            return _reader_gone()
        return fail(_from_system(error))


def _teach_click() -> None:
    """click looks its own words up by gettext: let it find them in our catalog."""
    gettext.bindtextdomain(DOMAIN, LOCALES)
    gettext.textdomain(DOMAIN)
    os.environ["LANGUAGE"] = language()


def fail(error: CrisiskitError) -> int:
    """Say what happened and what to do; the exit status that goes with it."""
    click.echo(f"crisiskit: {explain(error)}", err=True)
    return error.exit_status


def _from_system(error: OSError) -> CrisiskitError:
    place = error.filename2 or error.filename or ""
    if error.errno == errno.ENOSPC:
        return CrisiskitError("disk_full", path=place)
    return CrisiskitError("system", path=place, detail=error.strerror or str(error))


def _reader_gone() -> int:
    """``crisiskit list | head``: nobody reads on, which is no trouble."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
