"""Errors: what happened, and what to do, for each code of a CrisiskitError."""

from __future__ import annotations

from crisiskit.mark import N_

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
    # files that go with a message
    "attachment_too_large": N_(
        "{path} is larger than {most}, the most that a message can carry. Make it smaller, for a "
        "photo with fewer pixels, and try again."
    ),
    "attachment_empty": N_("{path} is empty: there is nothing to attach. Name another file."),
    "attachment_clear": N_(
        "A file never leaves readable by all. Send it without --clear, or the words without it."
    ),
    "attachment_lines": N_("With --lines no file can go along. Send it with a message of its own."),
    "attachments_too_many": N_(
        "At most {most} files go with one message. Send the others with another one."
    ),
    "no_files": N_("The message {id} carries no file. “crisiskit show {id}” says what it has."),
    "file_not_whole": N_(
        "“{name}” is not whole here yet ({percent} %). Try again when the rest has come in, or ask "
        "for it."
    ),
    "file_wrong": N_(
        "“{name}” is damaged: its pieces do not make the file that its author named. Ask for it "
        "again."
    ),
    "save_folder": N_(
        "The message carries several files, and {path} is no folder. Name a folder with -o."
    ),
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
}
