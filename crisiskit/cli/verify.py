"""``log verify``: whether a proof holds, or, without a file, whether the own log does.

A proof is checked by anybody, with public keys alone and no home folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from crisiskit.cli.common import emit, examples, home_option, json_option
from crisiskit.errors import TrustError
from crisiskit.i18n import _
from crisiskit.model import RecordKind

if TYPE_CHECKING:
    from crisiskit.codec.proof import Proof
    from crisiskit.crypto.proof import Checked
    from crisiskit.crypto.publics import Holder

_MINUTE_MS = 60_000
file_argument = click.Path(path_type=Path)


@click.command(
    help=_(
        "Check a proof: who wrote a message, when, and that nothing was altered since. Without "
        "a file: check the whole log of this installation."
    ),
    epilog=examples(
        "crisiskit log verify",
        "crisiskit log verify 7KQ2-M3XD.ckpf --key delta-2.ckrq",
        "crisiskit log verify order.ckpf --key network.ckcn --json",
    ),
)
@click.argument("file", type=file_argument, required=False)
@click.option(
    "--key",
    "keys",
    multiple=True,
    type=file_argument,
    help=_("A center file, a kit's request, or a list of public keys that you trust."),
)
@json_option
@home_option
def verify(home: Path, file: Path | None, keys: tuple[Path, ...], as_json: bool) -> None:
    """Check a proof, or the log."""
    if file is not None:
        _verify_proof(file, keys, as_json)
        return
    if keys:
        raise click.UsageError(_("--key is for checking a proof: name its file too."))
    from crisiskit.cli.checklog import check_home

    check_home(home, as_json)


def _verify_proof(file: Path, keys: tuple[Path, ...], as_json: bool) -> None:
    from crisiskit.crypto.proof import check_proof

    proof = _read(file)
    checked = check_proof(proof, _trusted(keys))
    if checked.flaw is not None:
        raise _refusal(file, checked)
    if as_json:
        emit(_facts(proof, checked))
    else:
        _print(proof, checked)


def fingerprint_text(fingerprint: bytes) -> str:
    """16 bytes as people compare them: eight groups of four digits."""
    return fingerprint.hex(" ", 2)


def _read(path: Path) -> Proof:
    from crisiskit.codec.proof import PROOF_BYTES_MAX, decode_proof
    from crisiskit.codec.reject import Reject, Rejected
    from crisiskit.files import read_small

    proof = decode_proof(read_small(path, PROOF_BYTES_MAX))
    if not isinstance(proof, Rejected):
        return proof
    if proof.code is Reject.VERSION:
        raise TrustError("proof_wrong_file", path=path)
    raise TrustError("proof_damaged", path=path, why=proof.code)


def _refusal(path: Path, checked: Checked) -> TrustError:
    from crisiskit.crypto.proof import Flaw

    match checked.flaw:
        case Flaw.AUTHOR:
            return TrustError("proof_author", path=path)
        case Flaw.START:
            return TrustError("proof_start", path=path)
        case Flaw.VOUCHER:
            return TrustError("proof_voucher", path=path)
        case Flaw.KEY_UNKNOWN:
            fingerprint = fingerprint_text(checked.author_fp)
            return TrustError("proof_key_unknown", path=path, fingerprint=fingerprint)
    return TrustError("proof_signature", path=path)


def _trusted(paths: tuple[Path, ...]) -> dict[bytes, Holder]:
    from crisiskit.crypto.publics import KEYS_BYTES_MAX, read_public_keys
    from crisiskit.files import read_small

    trusted: dict[bytes, Holder] = {}
    for path in paths:
        for public, holder in read_public_keys(read_small(path, KEYS_BYTES_MAX)).items():
            if holder.network_id or public not in trusted:
                trusted[public] = holder
    return trusted


def _print(proof: Proof, checked: Checked) -> None:
    from crisiskit.codec.record import record_id
    from crisiskit.render import body_lines, local_time, precedence_word

    record = proof.record
    says = _(
        "Proven: {author} wrote message {id} at {time} by its own clock, and signed it with the "
        "key {fingerprint}. It was not altered since, and what {author} sent before it in the "
        "same log cannot be altered without breaking this signature."
    )
    click.echo(
        says.format(
            author=checked.author,
            id=record_id(checked.digest),
            time=local_time(record.minute * _MINUTE_MS, "%Y-%m-%d %H:%M"),
            fingerprint=fingerprint_text(checked.author_fp),
        )
    )
    click.echo()
    if record.kind is RecordKind.ORDER:
        from crisiskit.cli.order_proof import proof_lines

        for line in proof_lines(record):
            click.echo(line)
    click.echo(precedence_word(record.precedence))
    for line in body_lines(record.kind, record.data, record.text, minute=record.minute):
        click.echo(line)


def _facts(proof: Proof, checked: Checked) -> dict[str, object]:
    """What is proven. ``epoch`` is stated by the file, and proven if ``epoch_proven``."""
    from crisiskit.cli.order_proof import order_facts
    from crisiskit.codec.record import record_id
    from crisiskit.jsonform import body_json, iso

    record = proof.record
    order = record.kind is RecordKind.ORDER
    written_at = record.minute * _MINUTE_MS
    return {
        "proven": True,
        "id": record_id(checked.digest),
        "digest": checked.digest.hex(),
        "author": checked.author,
        "fingerprint": checked.author_fp.hex(),
        **body_json(record.kind, record.data, record.text, written_at),
        "order": order_facts(record) if order else None,
        "precedence": record.precedence.name.lower(),
        "written_at": iso(written_at),
        "network_id": proof.network_id.hex(),
        "kit": proof.kit_fp.hex(),
        "direction": proof.header.direction.name.lower(),
        "epoch": proof.epoch,
        "epoch_proven": checked.epoch_proven,
        "envelope": checked.number,
        "signed_at": checked.signed_at,
    }
