"""``center revoke``, ``center duty``, ``center root`` and ``center bundle``: who is believed."""

from __future__ import annotations

from pathlib import Path

import click

from crisiskit.cli.common import emit, examples, home_option, json_option, say
from crisiskit.cli.orders import passphrase_option
from crisiskit.cli.passphrase import asker, new_passphrase
from crisiskit.errors import CrisiskitError
from crisiskit.i18n import _, ngettext
from crisiskit.installation import open_installation, reading, writing
from crisiskit.model import CENTER

file_path = click.Path(path_type=Path)

root_passphrase_option = click.option(
    "--passphrase-file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help=_("Read the passphrase of the root key from a file instead of asking."),
)


@click.command(
    help=_("Refuse a lost kit from now on, and tell all other kits."),
    epilog=examples('crisiskit center revoke Delta-2 --reason "car stolen"'),
)
@click.argument("kit")
@click.option("--reason", required=True, metavar="R", help=_("Why, for those who come later."))
@json_option
@home_option
def revoke(home: Path, kit: str, reason: str, as_json: bool) -> None:
    """Refuse a kit."""
    from crisiskit import orders

    _at_center(home)
    with writing(home) as store:
        number, listed = orders.revoke(home, store, kit, reason)
    if as_json:
        emit({"kit_number": number, "list_version": listed and listed.number})
        return
    text = _("Kit {number} is refused from now on. What it sends goes to quarantine.")
    say(text.format(number=number))
    if listed is not None:
        say(_("The other kits are told by list {version}.").format(version=listed.number))


# -- duty keys -------------------------------------------------------------------------------


@click.command(
    "new",
    help=_("Make the duty key of an operator, under a passphrase, and tell all kits."),
    epilog=examples(
        "crisiskit center duty new Ali",
        "crisiskit center duty new Prefect --second-signer Ali -o /media/stick/prefect.key",
    ),
)
@click.argument("name")
@click.option("--second-signer", metavar="NAME", help=_("An operator who vouches for it."))
@click.option(
    "-o", "--output", type=file_path, metavar="FILE", help=_("Keep the key file there instead.")
)
@passphrase_option
@click.option(
    "--second-passphrase-file",
    type=file_path,
    metavar="FILE",
    help=_("Read the second signer's passphrase from a file."),
)
@json_option
@home_option
def duty_new(
    home: Path,
    name: str,
    second_signer: str | None,
    output: Path | None,
    passphrase_file: Path | None,
    second_passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Make a duty key."""
    from crisiskit.duty import new_duty_key, number_of, open_signer
    from crisiskit.store import issue

    _at_center(home)
    if output is not None and output.exists():
        raise CrisiskitError("file_exists", path=output)
    with writing(home) as store:
        second = None
        if second_signer is not None:
            trust = issue.trust(store)
            number = number_of(trust, second_signer)
            second = open_signer(home, trust, number, asker(second_passphrase_file))
        words = new_passphrase(name, passphrase_file)
        key = new_duty_key(home, store, name, words, second, output)
    if as_json:
        emit({"index": key.index, "name": key.name, "public": key.public.hex()})
    else:
        say(_("{name} has duty key {index}. The kits are told.").format(name=name, index=key.index))


@click.command("list", help=_("List the duty keys."), epilog=examples("crisiskit center duty list"))
@json_option
@home_option
def duty_list(home: Path, as_json: bool) -> None:
    """List the duty keys."""
    from crisiskit.duty import in_force
    from crisiskit.store import issue

    with writing(home) as store:
        trust = issue.trust(store)
    good = {key.index for key in in_force(trust)}
    for key in trust.duty.values():
        if as_json:
            emit({"index": key.index, "name": key.name, "revoked": key.index not in good})
        else:
            click.echo(f"{key.index:3}  {key.name}  {'' if key.index in good else _('REVOKED')}")


@click.command(
    "revoke",
    help=_("Believe a duty key no more, and tell all kits."),
    epilog=examples('crisiskit center duty revoke Ali --reason "left the team"'),
)
@click.argument("name")
@click.option("--reason", required=True, metavar="R", help=_("Why, for those who come later."))
@json_option
@home_option
def duty_revoke(home: Path, name: str, reason: str, as_json: bool) -> None:
    """Revoke a duty key."""
    from crisiskit import orders
    from crisiskit.store import issue

    _at_center(home)
    with writing(home) as store:
        key = issue.revoke_duty(store, name, reason)
        listed = orders.tell_revoked(home, store)
    if as_json:
        emit({"index": key.index, "list_version": listed and listed.number})
    else:
        say(_("The key of {name} is believed no more. The kits are told.").format(name=key.name))


# -- roots and bundles -----------------------------------------------------------------------


@click.command(
    "new",
    help=_("Make one of three root keys, on offline media, and its public half beside it."),
    epilog=examples("crisiskit center root new -o /media/stick-a/root-a.key"),
)
@click.option("-o", "--output", required=True, type=file_path, metavar="FILE")
@root_passphrase_option
@json_option
def root_new(output: Path, passphrase_file: Path | None, as_json: bool) -> None:
    """Make a root key."""
    from crisiskit.ceremony import new_root

    public, fingerprint = new_root(output, new_passphrase(output.name, passphrase_file))
    if as_json:
        emit({"key": str(output), "public": str(public), "fingerprint": fingerprint})
        return
    click.echo(fingerprint)
    say(_("Keep {path} offline. Take {public} to the center.").format(path=output, public=public))


@click.command(
    "sign",
    help=_("Sign a bundle with a root key. Two of three must sign."),
    epilog=examples("crisiskit center root sign trust.cktb --key root-a.key -o trust-a.cktb"),
)
@click.argument("bundle", type=file_path)
@click.option("--key", required=True, type=file_path, metavar="FILE", help=_("The root key file."))
@click.option("-o", "--output", required=True, type=file_path, metavar="FILE")
@root_passphrase_option
@json_option
def root_sign(
    bundle: Path, key: Path, output: Path, passphrase_file: Path | None, as_json: bool
) -> None:
    """Sign a bundle."""
    from crisiskit.ceremony import sign_file
    from crisiskit.crypto.bundle import BUNDLE_BYTES_MAX
    from crisiskit.files import read_small, write_new

    data = read_small(bundle, BUNDLE_BYTES_MAX)
    signed, count = sign_file(data, key, asker(passphrase_file)(key.name))
    write_new(output, signed)
    if as_json:
        emit({"bundle": str(output), "signatures": count})
    else:
        say(_("{path} has {count} of 2 signatures it needs.").format(path=output, count=count))


@click.command(
    "make",
    help=_("Write a bundle of this center's keys, for two of the three roots to sign."),
    epilog=examples(
        "crisiskit center bundle make --root a.pub --root b.pub --root c.pub -o trust.cktb"
    ),
)
@click.option("--root", "roots", multiple=True, type=file_path, metavar="FILE", required=True)
@click.option(
    "--authority",
    "more",
    multiple=True,
    type=file_path,
    metavar="FILE",
    help=_("A further authority's public key, 32 bytes."),
)
@click.option("--two-for-orders", is_flag=True, help=_("Every order needs two signers."))
@click.option("-o", "--output", required=True, type=file_path, metavar="FILE")
@json_option
@home_option
def bundle_make(
    home: Path,
    roots: tuple[Path, ...],
    more: tuple[Path, ...],
    two_for_orders: bool,
    output: Path,
    as_json: bool,
) -> None:
    """Write a bundle."""
    from crisiskit.ceremony import authority_public, make_bundle
    from crisiskit.codec.objects import ObjectKind
    from crisiskit.files import write_new

    _at_center(home)
    grave = frozenset({int(ObjectKind.ORDER)} if two_for_orders else ())
    others = tuple(authority_public(path) for path in more)
    with writing(home) as store:
        data = make_bundle(home, store, roots, others, grave)
    write_new(output, data)
    if as_json:
        emit({"bundle": str(output), "bytes": len(data)})
    else:
        say(_("Two of the three roots must sign {path} now.").format(path=output))


@click.command(
    "install",
    help=_("Believe what a bundle says, if two of the three roots signed it."),
    epilog=examples(
        "crisiskit center bundle install trust-ab.cktb", "crisiskit kit bundle trust-ab.cktb"
    ),
)
@click.argument("bundle", type=file_path)
@json_option
@home_option
def bundle_install(home: Path, bundle: Path, as_json: bool) -> None:
    """Install a bundle, at a center or on a kit."""
    from crisiskit.ceremony import install_bundle

    with writing(home) as store:
        taken = install_bundle(home, store, bundle)
    if as_json:
        names = [key.name for key in taken.duty]
        emit({"version": taken.version, "authorities": len(taken.authorities), "duty": names})
    else:
        say(_("Bundle {version} is in force here.").format(version=taken.version))


# -- quarantine ------------------------------------------------------------------------------


@click.command(
    "list",
    help=_("List revoked kits, and what is set aside."),
    epilog=examples("crisiskit center quarantine list"),
)
@json_option
@home_option
def quarantine_list(home: Path, as_json: bool) -> None:
    """List what is set aside."""
    from crisiskit.jsonform import iso
    from crisiskit.render import size_text
    from crisiskit.store.order_views import quarantine

    with reading(home) as views:
        found = quarantine(views.rows)
    for one in found:
        if as_json:
            emit(
                {
                    "kit": one.name or None,
                    "kit_number": one.kit_number,
                    "reason": one.reason,
                    "revoked_at": iso(one.revoked_at),
                    "frames": one.frames,
                    "bytes": one.frame_bytes,
                    "last_at": iso(one.last_at),
                }
            )
            continue
        words = ngettext(
            "{name}: {frames} frame, {size}  {reason}",
            "{name}: {frames} frames, {size}  {reason}",
            one.frames,
        )
        line = words.format(
            name=one.name or _("unknown stations"),
            frames=one.frames,
            size=size_text(one.frame_bytes),
            reason=one.reason,
        )
        click.echo(line.rstrip())
    if not found and not as_json:
        say(_("Nothing is set aside."))


@click.command(
    "show",
    help=_("List the frames set aside of a revoked kit, or of unknown stations."),
    epilog=examples("crisiskit center quarantine show Delta-2"),
)
@click.argument("kit", default="")
@json_option
@home_option
def quarantine_show(home: Path, kit: str, as_json: bool) -> None:
    """List frames."""
    from crisiskit.render import local_time
    from crisiskit.store.order_views import frames

    with reading(home) as views:
        found = frames(views.rows, kit)
    for at, link, number, frame in found:
        if as_json:
            emit(_frame(at, link, number, frame))
        else:
            size = _("kit {number}, {link}, {size} bytes")
            words = size.format(number=number, link=link, size=len(frame))
            click.echo(f"{local_time(at)}  {words}")
    if not found and not as_json:
        say(_("There are no frames: nothing is set aside."))


@click.command(
    "export",
    help=_("Write the frames set aside to a file, one JSON object a line, bytes as hex."),
    epilog=examples("crisiskit center quarantine export Delta-2 -o delta-2.jsonl"),
)
@click.argument("kit", default="")
@click.option("-o", "--output", required=True, type=file_path, metavar="FILE")
@click.option("--force", is_flag=True, help=_("Write over a file that exists."))
@json_option
@home_option
def quarantine_export(home: Path, kit: str, output: Path, force: bool, as_json: bool) -> None:
    """Write the frames to a file."""
    import json

    from crisiskit.files import SECRET, write_whole
    from crisiskit.store.order_views import frames

    if output.exists() and not (force and output.is_file()):
        raise CrisiskitError("file_exists_force", path=output)
    with reading(home) as views:
        found = [json.dumps(_frame(*one)) for one in frames(views.rows, kit)]
    write_whole(output, "".join(f"{line}\n" for line in found).encode(), SECRET)
    if as_json:
        emit({"file": str(output), "frames": len(found)})
    else:
        words = ngettext(
            "{frames} frame is in {path}.", "{frames} frames are in {path}.", len(found)
        )
        say(words.format(frames=len(found), path=output))


def _frame(at: int, link: str, number: int, frame: bytes) -> dict[str, object]:
    from crisiskit.jsonform import iso

    return {"at": iso(at), "link": link, "kit_number": number, "frame": frame.hex()}


def _at_center(home: Path) -> None:
    if open_installation(home).role != CENTER:
        raise CrisiskitError("not_a_center", path=home)
