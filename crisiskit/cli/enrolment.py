"""``center init|enrol`` and ``kit init|request|activate``: from nothing to a trusted kit."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import click

from crisiskit.cli.common import emit, examples, file_option, home_option, json_option, say
from crisiskit.errors import TrustError
from crisiskit.harmless import in_line
from crisiskit.i18n import _
from crisiskit.installation import Installation
from crisiskit.passphrase import FILE_VARIABLE

file_argument = click.Path(path_type=Path)
passphrase_option = file_option(
    "--passphrase-file",
    _("Protect it by the passphrase in the first line of this file."),
    FILE_VARIABLE,
)
_BLANKS_AND_DASHES = re.compile(r"[\s\u2010-\u2015-]+")
_ANSWERS = {"yes": True, "oui": True, "no": False, "non": False}
_ANSWER_BYTES_MAX = 1000


@click.command(
    help=_("Make a new network: keys, store, and the center file for kits."),
    epilog=examples(
        "crisiskit center init --name Prefecture",
        "crisiskit center init --name Drill --exercise --home drill",
    ),
)
@click.option("--name", default="Center", show_default=True, help=_("What kits call it."))
@click.option("--exercise", is_flag=True, help=_("Everything here says EXERCISE, for ever."))
@click.option(
    "--root",
    "roots",
    multiple=True,
    type=file_argument,
    metavar="FILE",
    help=_("The public half of a root key; all three, or none for a small network."),
)
@passphrase_option
@json_option
@home_option
def center_init(
    home: Path,
    name: str,
    exercise: bool,
    roots: tuple[Path, ...],
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Make a new network."""
    from crisiskit.ceremony import fingerprints
    from crisiskit.enrolment import create_center

    passphrase = _passphrase(passphrase_file)
    made = create_center(home, name, exercise, fingerprints(roots), passphrase)
    if as_json:
        emit({**_facts(made), "center_file": str(made.places.network)})
        return
    say(_("Center “{name}” is ready in {home}.").format(name=made.name, home=home))
    say(_("Give this file to each kit: {path}").format(path=made.places.network))
    say(_("Next: name its links in {path}").format(path=made.places.settings))
    _warn_of_key_file(passphrase_file)


@click.command(
    help=_("Answer a kit's request, if its code is the one on the kit's screen."),
    epilog=examples(
        "crisiskit center enrol delta-2.ckrq -o delta-2.ckrp",
        'crisiskit center enrol delta-2.ckrq -o delta-2.ckrp --code "1234 5678 9012"',
    ),
)
@click.argument("request", type=file_argument)
@click.option("-o", "--output", required=True, type=file_argument, help=_("The answer file."))
@click.option(
    "--code", "typed", metavar="CODE", help=_("The code on the kit's screen, instead of asking.")
)
@json_option
@home_option
def center_enrol(home: Path, request: Path, output: Path, typed: str | None, as_json: bool) -> None:
    """Answer a kit's request."""
    from crisiskit.crypto.enrol import FILE_BYTES_MAX
    from crisiskit.enrolment import asking, enrol
    from crisiskit.files import read_small, write_new

    data = read_small(request, FILE_BYTES_MAX)
    name, code = asking(home, data)
    if not (_agreed(name, code) if typed is None else _digits(typed) == _digits(code)):
        raise TrustError("enrol_code_differs", name=name)
    reply, number, code = enrol(home, data)
    write_new(output, reply)
    if as_json:
        emit({"kit_number": number, "code": code, "reply": str(output)})
        return
    click.echo(_("Kit number: {number}").format(number=number))
    say(_("The answer is in {path}: take it to the kit.").format(path=output))


def _agreed(name: str, code: str) -> bool:
    """Whether the person at this terminal says that the kit's screen shows ``code``."""
    from crisiskit.forms.words import pick

    if not sys.stdin.isatty():
        raise click.UsageError(_("Nobody can be asked here: give the kit's code with --code."))
    say(_("The kit “{name}” asks to be enrolled.").format(name=in_line(name)))
    say(_("Code: {code}").format(code=code))
    while True:
        click.echo(_("Does the kit's screen show this code? (yes/no) "), err=True, nl=False)
        line = sys.stdin.buffer.readline(_ANSWER_BYTES_MAX)
        said = pick(line.decode(errors="replace"), _ANSWERS)
        if len(said) == 1 or not line:
            return said == [True]


def _digits(code: str) -> str:
    return _BLANKS_AND_DASHES.sub("", code)


@click.command(
    help=_("Make this machine a kit of the network in a center file."),
    epilog=examples("crisiskit kit init Delta-2 --center network.ckcn"),
)
@click.argument("name")
@click.option(
    "--center", required=True, type=file_argument, help=_("The center file of the network.")
)
@passphrase_option
@json_option
@home_option
def kit_init(
    home: Path, name: str, center: Path, passphrase_file: Path | None, as_json: bool
) -> None:
    """Make a kit."""
    from crisiskit.crypto.enrol import FILE_BYTES_MAX
    from crisiskit.enrolment import create_kit
    from crisiskit.files import read_small

    made = create_kit(home, name, read_small(center, FILE_BYTES_MAX), _passphrase(passphrase_file))
    if as_json:
        emit(_facts(made))
        return
    text = _("Kit “{name}” of network “{network}” is ready in {home}.")
    say(text.format(name=in_line(made.name), network=in_line(made.network), home=home))
    if made.exercise:
        say(_("This is an EXERCISE network."))
    name = f"request.ckrq --home {shlex.quote(str(home))}"
    say(_("Next: crisiskit kit request -o {name}").format(name=name))
    _warn_of_key_file(passphrase_file)


@click.command(
    help=_("Write this kit's request to its center, and show the code to compare."),
    epilog=examples("crisiskit kit request -o delta-2.ckrq"),
)
@click.option("-o", "--output", required=True, type=file_argument, help=_("The request file."))
@json_option
@home_option
def kit_request(home: Path, output: Path, as_json: bool) -> None:
    """Ask the center."""
    from crisiskit.crypto.enrol import comparison_code
    from crisiskit.enrolment import make_request
    from crisiskit.files import write_new

    request = make_request(home)
    write_new(output, request)
    code = comparison_code(request)
    if as_json:
        emit({"code": code, "request": str(output)})
        return
    click.echo(_("Code: {code}").format(code=code))
    say(_("Take {path} to the center; its screen must show the same code.").format(path=output))


@click.command(
    help=_("Take the center's answer. From then on this kit can exchange messages."),
    epilog=examples("crisiskit kit activate delta-2.ckrp"),
)
@click.argument("reply", type=file_argument)
@json_option
@home_option
def kit_activate(home: Path, reply: Path, as_json: bool) -> None:
    """Take the answer."""
    from crisiskit.crypto.enrol import FILE_BYTES_MAX
    from crisiskit.enrolment import activate
    from crisiskit.files import read_small

    active = activate(home, read_small(reply, FILE_BYTES_MAX))
    if as_json:
        emit(_facts(active))
        return
    say(_("This kit is active as number {number}.").format(number=active.kit_number))
    say(_("Next: name its links in {path}").format(path=active.places.settings))


def _passphrase(file: Path | None) -> str | None:
    from crisiskit.crypto.passphrase import checked_new
    from crisiskit.passphrase import read_passphrase

    return None if file is None else checked_new(read_passphrase(file))


def _warn_of_key_file(passphrase_file: Path | None) -> None:
    if passphrase_file is None:
        say(_("No passphrase protects it: “crisiskit passphrase” sets one."))


def _facts(made: Installation) -> dict[str, object]:
    return {
        "role": made.role,
        "name": made.name,
        "network": made.network,
        "network_id": made.network_id.hex(),
        "exercise": made.exercise,
        "kit_number": made.kit_number or None,
        "home": str(made.places.home),
    }
