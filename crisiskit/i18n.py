"""The reader's language, and the sentence for every code that lower layers give.

English is the language of the source. The French catalog is compiled at build time; where
it was not compiled (a bare source checkout) everything is said in English.
"""

from __future__ import annotations

import gettext
import os
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from crisiskit.errors import CrisiskitError
from crisiskit.harmless import clean_line, in_line
from crisiskit.mark import N_ as N_
from crisiskit.model import Notice
from crisiskit.trust_sentences import TRUST_ERRORS, TRUST_NOTICES

LANGUAGES = ("en", "fr")
DOMAIN = "crisiskit"
LOCALES = Path(__file__).with_name("locale")
VALUE_CHARACTERS_MAX = 300

_VARIABLES = ("CRISISKIT_LANG", "LC_ALL", "LC_MESSAGES", "LANG")
_chosen = ""


def set_language(wanted: str | None = None) -> str:
    """Choose the language of this process; the one chosen, ``en`` or ``fr``.

    ``wanted`` (from the command line), else CRISISKIT_LANG, else the locale's variables.
    """
    global _chosen
    words = (wanted, *(os.environ.get(name) for name in _VARIABLES))
    tag = next((word for word in words if word), "en")
    _chosen = next((lang for lang in LANGUAGES if tag.lower().startswith(lang)), "en")
    return _chosen


def language() -> str:
    """The language chosen, ``en`` or ``fr``."""
    return _chosen or set_language()


def speak(lang: str | None = None) -> Callable[[str], str]:
    """``_`` for another language than the chosen one."""
    return _catalog(lang or language()).gettext


def _(message: str) -> str:
    """``message`` in the chosen language."""
    return _catalog(language()).gettext(message)


def ngettext(one: str, many: str, count: int) -> str:
    """``one`` or ``many`` in the chosen language, as ``count`` asks for."""
    return _catalog(language()).ngettext(one, many, count)


def explain(error: CrisiskitError, lang: str | None = None) -> str:
    """What happened and what to do, in one or two sentences."""
    message = ERRORS.get(error.code)
    if message is None:
        return _fill(speak(lang)(_UNKNOWN_ERROR), {"error": str(error)})
    return _fill(speak(lang)(message), error.values)


def trouble_word(code: str, lang: str | None = None) -> str:
    """Why a link is down, in a word or two for the link bar. ``code``: transports.link.Trouble."""
    return speak(lang)(TROUBLES[code][0]) if code in TROUBLES else _shown(code)


def trouble_text(code: str, lang: str | None = None) -> str:
    """Why a link is down and what to do about it, in one or two sentences."""
    if code not in TROUBLES:
        return _fill(speak(lang)(_UNKNOWN_TROUBLE), {"code": code})
    return speak(lang)(TROUBLES[code][1])


def notice_text(notice: Notice, lang: str | None = None) -> str:
    """What a notice means for the messages, and what to do."""
    values = {**notice.extra, "detail": notice.detail, "station": notice.station}
    if notice.code not in NOTICES:
        return _fill(speak(lang)(_UNKNOWN_NOTICE), {**values, "code": notice.code})
    return _fill(speak(lang)(NOTICES[notice.code]), values)


@cache
def _catalog(lang: str) -> gettext.NullTranslations:
    return gettext.translation(DOMAIN, LOCALES, [lang], fallback=True)


class _Values(dict[str, str]):
    """Values of a sentence; one that was not given is a question mark."""

    def __missing__(self, key: str) -> str:
        return "?"


def _fill(message: str, values: Mapping[str, object]) -> str:
    return message.format_map(_Values({key: _shown(value) for key, value in values.items()}))


def _shown(value: object) -> str:
    """A value from outside, harmless on a terminal: one line, no control characters."""
    text = clean_line(str(value))
    short = len(text) <= VALUE_CHARACTERS_MAX
    return in_line(text if short else text[: VALUE_CHARACTERS_MAX - 1] + "…")


_UNKNOWN_ERROR = N_("Something went wrong ({error}). Run “crisiskit doctor” to see what.")
_UNKNOWN_TROUBLE = N_("The link does not work ({code}). It is tried again by itself.")
_UNKNOWN_NOTICE = N_("{code}: {detail}. Tell whoever looks after this installation.")

# -- errors: what happened, and what to do ---------------------------------------------------

ERRORS = {
    # what was typed
    "text_too_long": N_(
        "The text is too long: {bytes} bytes, at most {most}. Shorten it, or send it as several "
        "messages."
    ),
    "text_empty": N_("There is nothing to send. Write some words, or fill in a form."),
    "form_unknown": N_("There is no form “{name}”. Choose one of: {known}."),
    "form_empty": N_("The form “{name}” is empty. Fill in at least one field."),
    "form_field": N_("Field “{label}”: {why}."),
    "form_broken": N_(
        "The form “{name}” cannot be used: {why}. Reinstall it, or ask whoever made it."
    ),
    "precedence_unknown": N_(
        "“{word}” is no precedence. Choose FLASH, IMMEDIATE, PRIORITY or ROUTINE."
    ),
    "duration_unknown": N_("“{word}” is no duration. Write for example 30m, 2h or 1d."),
    # settings
    "settings_unknown_key": N_("{path}: nothing here is called “{key}”. {hint}"),
    "settings_wrong_value": N_("{path}: “{key}” {why}. Correct it and try again."),
    "settings_not_found": N_(
        "The settings file {path} is missing. Put the copy back, or make an empty file: this "
        "installation then has no links."
    ),
    "settings_syntax": N_(
        "{path} cannot be read at line {line}: {detail}. Correct that line and try again."
    ),
    "link_kind_unknown": N_("There is no kind of link “{kind}”. Choose one of: {known}."),
    "link_kind_broken": N_("The kind of link “{kind}” cannot be used: {why}. Reinstall it."),
    # what all can read
    "clear_link": N_(
        "All can read what the link “{link}” carries, and this installation does not allow that. "
        "Write allowed = true under [clear] in the settings file, or take the link out."
    ),
    "clear_not_allowed": N_(
        "This installation does not allow messages that all can read. Write allowed = true under "
        "[clear] in the settings file, or send it without --clear."
    ),
    "clear_personal": N_(
        "Field “{label}” holds personal data, which must not be readable by all. Leave it empty, "
        "or let the report wait for a link with encryption."
    ),
    # the installation
    "home_missing": N_(
        "There is no installation in {path}. Make one with “crisiskit kit init” or “crisiskit "
        "center init”, or name its folder with --home."
    ),
    "home_exists": N_(
        "There is an installation in {path} already. Use that one, or name another folder with "
        "--home."
    ),
    "home_taken": N_(
        "There is another installation in {path} already. Name another folder with --home."
    ),
    "not_a_center": N_("This installation is a kit. Run this command at the center."),
    "not_a_kit": N_("This installation is a center. Run this command on the kit."),
    "not_asked": N_(
        "This kit has not asked its center yet. Run “crisiskit kit request” first and take the "
        "file to the center."
    ),
    "not_activated": N_(
        "This kit is not activated yet. Take its request to the center and run “crisiskit kit "
        "activate” with the answer."
    ),
    "already_active": N_(
        "This kit is active already, as number {number}. For a new start make a new "
        "installation in another folder."
    ),
    "name_reserved": N_("The name “{name}” has a meaning of its own. Choose another one."),
    "agent_running": N_(
        "The agent of this installation is running already. Use that one, or stop it first."
    ),
    "crypto_unusable": N_(
        "The cryptography on this machine does not work ({primitive}). Nothing is sent. Install "
        "the newest version, and run “crisiskit doctor”."
    ),
    # the store
    "store_locked": N_("Another program is writing to {path}. Wait a few seconds and try again."),
    "store_damaged": N_(
        "The database {path} is damaged. Do not delete it: keep a copy, and run “crisiskit "
        "doctor” to go on."
    ),
    "store_newer": N_(
        "The database {path} was written by a newer version (format {found}, known here: "
        "{known}). Install that version."
    ),
    "store_io": N_(
        "The database {path} could not be read or written. Check the disk. Only what says KEPT "
        "is kept."
    ),
    "store_unsure": N_(
        "The disk failed while {path} was written: nobody knows whether this was kept. Check "
        "the disk, then look in the list before you write it again."
    ),
    "disk_full": N_(
        "The disk is full ({path}). Nothing new can be kept. Delete what you do not need, then "
        "try again."
    ),
    # devices and links
    "device_missing": N_(
        "The device {device} is not there. Plug it in, or correct its name in the settings."
    ),
    "device_busy": N_("Another program is using {device}. Close that program and try again."),
    "device_denied": N_(
        "You have no right to use {device}. Ask whoever looks after this machine; on Linux your "
        "account must be in the group “dialout”."
    ),
    "device_gone": N_(
        "The device {device} has gone. Check cable and power; what was not sent stays kept."
    ),
    "gateway_unreachable": N_(
        "The gateway {address} does not answer. Check its address and the network; what was not "
        "sent stays kept."
    ),
    "port_in_use": N_(
        "Another program is listening on {address}. Stop it, or choose another port."
    ),
    # what protects it
    "home_locked": N_(
        "This installation is locked by its passphrase. Run “crisiskit unlock” first, or name a "
        "file in CRISISKIT_PASSPHRASE_FILE."
    ),
    "passphrase_wrong": N_("The passphrase is wrong. Nothing was changed; try again."),
    "passphrase_short": N_("The passphrase is too short: at least {least} characters."),
    "passphrase_empty": N_(
        "The file {path} has no passphrase in its first line, or one that is too long."
    ),
    "passphrase_not_text": N_("The first line of {path} is not text in UTF-8."),
    "passphrase_differs": N_("The two passphrases differ. Nothing was changed; try again."),
    "passphrase_none": N_(
        "No passphrase protects this installation. Set one with “crisiskit passphrase”."
    ),
    "key_file_missing": N_(
        "The key file {path} is missing: nothing kept here can be read without it. Bring it "
        "back, or name its place in CRISISKIT_KEY_FILE."
    ),
    "key_file_wrong": N_(
        "The key file is not the one that opens this installation. Find the right one and name "
        "its place in CRISISKIT_KEY_FILE."
    ),
    "keystore_missing": N_(
        "The keystore {path} is missing: nothing kept here can be read without it. Bring it "
        "back with “crisiskit restore”."
    ),
    "keystore_damaged": N_(
        "The keystore is damaged. Keep a copy of it, and bring it back with “crisiskit restore”."
    ),
    "sealed_otherwise": N_(
        "Something kept here was altered on the disk, or was sealed with another key. Nothing "
        "was changed; run “crisiskit doctor”, and “crisiskit log verify” for the messages."
    ),
    "backup_needs_key_file": N_(
        "A key file opens this backup, no passphrase does: name it with --key-file. It is the key "
        "file of when the backup was made; a home that still has its keys opens it, too."
    ),
    "backup_needs_passphrase": N_(
        "A passphrase opens this backup, no key file does: name it with --passphrase-file, or "
        "leave out --key-file and type it."
    ),
    "backup_wrong_file": N_("This file is no backup of crisiskit. Take the right one."),
    "backup_damaged": N_(
        "This backup is damaged or incomplete. Nothing was changed; use another copy of it."
    ),
    "backup_of_another": N_(
        "This backup belongs to another installation than the one in {path}. Name an empty "
        "folder with --home."
    ),
    "no_memory_folder": N_(
        "There is no folder in memory for the opened key ({variable} names none that is yours "
        "alone). Name the passphrase's file in CRISISKIT_PASSPHRASE_FILE instead."
    ),
    # enrolment
    "enrol_wrong_file": N_(
        "This is another kind of file than the one needed here. A request comes from the kit, "
        "an answer from the center: take the right one."
    ),
    "enrol_wrong_network": N_(
        "This file belongs to another network. Use the file of your own center."
    ),
    "enrol_bad_signature": N_(
        "The signature of this file is wrong: it was altered or is not from your center. Do not "
        "use it; fetch it again from its source."
    ),
    "enrol_code_differs": N_(
        "The kit “{name}” was not enrolled: its screen must show the code of this request. Fetch "
        "the request again from the kit itself."
    ),
    "enrol_not_for_this_kit": N_(
        "This answer is for another kit, or for an older request. Ask the center to answer the "
        "newest request of this kit."
    ),
    "enrol_damaged": N_("This file is damaged or incomplete. Copy it again from its source."),
    "enrol_bad_name": N_(
        "This name cannot be used. Choose one of 1 to {limit} bytes, without control characters."
    ),
    "enrol_name_taken": N_(
        "There is a kit called “{name}” already. Give the new kit another name."
    ),
    "enrol_network_full": N_(
        "This network has {limit} kits, which is the most. Revoke old ones or make a new network."
    ),
    "enrol_key_known": N_(
        "This key belongs to a kit that is known already. A kit must never be copied: make a "
        "new installation on this machine."
    ),
    # proofs
    "proof_wrong_file": N_("{path} is no proof. Take the file that “crisiskit log” made."),
    "proof_damaged": N_(
        "The proof {path} is damaged or incomplete ({why}). It proves nothing; fetch it again."
    ),
    "proof_author": N_(
        "{path} proves nothing: its key is not that of the station it names. Do not rely on it."
    ),
    "proof_start": N_(
        "{path} proves nothing: the log it is from does not begin as it must. Do not rely on it."
    ),
    "proof_voucher": N_(
        "{path} proves nothing: what stands for its signature speaks of another log. Do not "
        "rely on it; ask for the proof again."
    ),
    "proof_unsealed": N_(
        "There is no proof of {id} yet: it has not left. Try again when it is SENT."
    ),
    "proof_unsigned": N_(
        "There is no proof of {id} yet: no signature covers it. The next signed envelope of its "
        "author will; try again then."
    ),
    "proof_impossible": N_(
        "There is no proof of {id}: the log around it is not whole. Run “crisiskit log verify”."
    ),
    "log_wrong": N_(
        "The log is not right; number of findings above: {n}. Keep a copy of this folder as "
        "it is, and compare it with the other end and with older backups."
    ),
    "proof_signature": N_(
        "{path} proves nothing: the signature does not fit, so the message or something before "
        "it was altered. Do not rely on it; ask for the proof again."
    ),
    "proof_key_unknown": N_(
        "{path} was not altered, but who wrote it is not known: its key {fingerprint} is none "
        "that you trust. Name the file of the author’s public key with --key."
    ),
    "keys_wrong_file": N_(
        "This file has no public keys. Take the center file, the request of the kit, or a text "
        "with a key as 64 digits and a name on each line."
    ),
    # files
    "file_missing": N_("The file {path} does not exist. Check its name and folder."),
    "file_exists": N_("The file {path} exists already. Choose another name, or move it away."),
    "file_exists_force": N_(
        "The file {path} exists already. Choose another name, or write over it with --force."
    ),
    "file_too_large": N_(
        "The file {path} is too large: at most {limit} bytes. Check that it is the right file."
    ),
    "file_denied": N_(
        "You have no right to use the file {path}. Choose another place, or ask whoever looks "
        "after this machine."
    ),
    "file_unwritable": N_(
        "The file {path} cannot be written: {detail}. Check its folder, or choose another place."
    ),
    "file_unreadable": N_("The file {path} cannot be read: {detail}. Check it or copy it again."),
    # messages and stations
    "message_unknown": N_("There is no message {id}. “crisiskit list” shows them all."),
    "message_ambiguous": N_("Several messages begin with {id}. Add more of its letters."),
    "cancel_too_late": N_(
        "It is too late to cancel: the message is sealed and may have left. Send a correction."
    ),
    "kit_unknown": N_("There is no station called “{name}”. Check the name."),
    "too_many_twins": N_(
        "The same message was written too often within one minute. Wait a minute, or change it."
    ),
    # the machine
    "clock_wrong": N_(
        "The clock of this machine is wrong. Messages still go out; set the clock when you can."
    ),
    "no_terminal": N_(
        "This command needs a terminal. Add --plain, or use “crisiskit send” and “crisiskit list”."
    ),
    "demo_failed": N_("The demonstration broke off: {detail}. Run “crisiskit doctor”."),
    "system": N_("The system refused: {detail} ({path}). Correct that and try again."),
    **TRUST_ERRORS,
}

# -- links: the word on the link bar, and the sentence behind it -----------------------------

TROUBLES = {
    "no_service": (
        N_("no service"),
        N_("No network can be reached. Give the antenna a clear view; it is tried again."),
    ),
    "busy": (N_("busy"), N_("The other side is busy. It is tried again in a moment.")),
    "refused": (
        N_("refused"),
        N_("The other side refuses this link. Check the account, address and rights of use."),
    ),
    "too_large": (
        N_("too large"),
        N_("The link takes no piece of this size. Tell whoever looks after this installation."),
    ),
    "device_gone": (
        N_("unplugged"),
        N_("The device is not there. Check cable and power; it is found again by itself."),
    ),
    "device_busy": (
        N_("in use"),
        N_("Another program is using the device. Close that program; it is tried again."),
    ),
    "out_of_credit": (
        N_("no credit"),
        N_("The credit of this link is used up. Ask the center to top it up, or use another link."),
    ),
    "hardware": (
        N_("faulty"),
        N_("The device reports a fault. Switch it off and on; if it stays, replace it."),
    ),
}

# -- notices: what a person must know --------------------------------------------------------

NOTICES = {
    "fork": N_(
        "Two copies of {station}, or of this station, have been in use ({detail}). Nothing is "
        "lost; find the second copy and switch it off."
    ),
    "signature_wrong": N_(
        "A signature of {station} is wrong ({detail}). Its messages are kept and shown, but what "
        "follows in that log is not proved. Ask {station} over another way whether it wrote them."
    ),
    "peer_restored": N_(
        "{station} was restored from an older copy. It is asked what it still has and gets the "
        "rest again; nothing needs to be done."
    ),
    "restored_here": N_(
        "This station was restored from an older copy: {station} has more of it than is kept "
        "here. It goes on with new keys. Check whether recent messages are missing here."
    ),
    "undecodable": N_(
        "A message from {station} arrived whole but cannot be read here ({detail}). It is kept. "
        "Install the newest version, and ask {station} to send it again."
    ),
    "disk_full": N_(
        "The disk is full. Urgent messages can still be kept for a while; make room now."
    ),
    "too_large_for_links": N_(
        "A message waits because no link that is set up can carry anything so long. It leaves by "
        "the first wider link; or cancel it and send it in shorter ones."
    ),
    "waits_for_encryption": N_(
        "Something waits: the links that are up carry only what all can read. It leaves by the "
        "first link with encryption; or cancel it and send it again as READABLE BY ALL."
    ),
    "clear_refused": N_(
        "{station} sends messages that all can read, and this installation does not allow that: "
        "they are dropped. Write allowed = true under [clear] in the settings file, or ask "
        "{station} to use another link."
    ),
    "epochs_used_up": N_(
        "The keys shared with {station} are used up: nothing more can be sent. Enrol the kit "
        "again with a new home folder; what was kept here stays readable."
    ),
    "store_reopened": N_(
        "The database failed for a moment and was opened again ({detail}). Check the disk soon."
    ),
    "clock_wrong": N_(
        "The clock here is {detail} seconds off the clock of the center. Messages still go out; "
        "set the clock when you can."
    ),
    "unknown_station": N_(
        "Something arrived from a station that is not known here ({detail}). It is set aside. "
        "If it is one of yours, enrol it."
    ),
    "revoked": N_(
        "{station} was revoked as lost, but still sends. What it sends is set aside and answered "
        "by nobody."
    ),
    **TRUST_NOTICES,
}
