"""The sentences about orders, keys and revoked kits; ``i18n`` knows them by their codes."""

from __future__ import annotations

from crisiskit.mark import N_

TRUST_ERRORS = {
    # orders
    "order_unknown": N_("There is no order {number} here. “crisiskit order list” shows them all."),
    "order_not_waiting": N_(
        "Order {number} does not wait for a signature. “crisiskit order list” shows which do."
    ),
    "order_not_yours": N_(
        "Order {number} waits for another signer. Whoever was named with --second-signer must sign."
    ),
    "order_needs_second": N_(
        "Two people must sign this. Name the second with --second-signer; that operator then runs "
        "“crisiskit order sign”."
    ),
    "order_same_signer": N_("The second signer must be another person. Name somebody else."),
    "order_left": N_(
        "Order {number} may have left already: a signed cancel must follow it. Sign one with "
        "“crisiskit order cancel”."
    ),
    "order_code_wrong": N_(
        "This is not the code of order {number}. Read the four digits on its card again."
    ),
    "order_not_valid": N_(
        "What claims to be order {number} is none for this kit. Ask the center before you act."
    ),
    "order_taken_back": N_("Order {number} was taken back before: nothing more was sent."),
    "order_answered": N_("Order {number} was answered before: nothing more was sent."),
    "order_cancelled": N_("Order {number} was taken back: do not carry it out, do not answer it."),
    "order_over": N_(
        "The time of order {number} is over, so it takes no answer. Write a message to the center."
    ),
    "orders_used_up": N_(
        "All numbers of orders are used up. Make a new network and enrol the kits again."
    ),
    "life_too_long": N_("An order lasts {hours} hours at most. Give it a shorter --life."),
    # keys of operators
    "duty_unknown": N_(
        "There is no duty key “{name}” in force. “crisiskit center duty list” shows them."
    ),
    "duty_which": N_("Say whose key signs, with --by: {names}."),
    "duty_name": N_(
        "This name cannot be used. Choose one of 1 to {limit} bytes, without control characters."
    ),
    "duty_taken": N_("There is a duty key “{name}” already. Choose another name."),
    "duty_second": N_(
        "Somebody with a duty key must vouch for a new one. Name that operator with "
        "--second-signer."
    ),
    "duty_used_up": N_("This network has used up its duty keys. Make a new network."),
    "duty_key_differs": N_(
        "This is not the key file of {name}. Name the right one with --key, or make a new key."
    ),
    "passphrase_wrong": N_(
        "The passphrase is wrong, or the key file was altered. Try again, or fetch the copy of the "
        "key."
    ),
    "key_file_wrong": N_(
        "This is not the kind of key file that is needed here ({expected}). Take the right one."
    ),
    # revoked kits
    "kit_revoked": N_("“{name}” was revoked as lost: nothing is sent there. Enrol a new kit."),
    "kit_not_revoked": N_(
        "“{name}” was not revoked, so nothing of it is set aside. “crisiskit center quarantine "
        "list” shows what is."
    ),
    # roots and bundles
    "roots_three": N_("A network has three different root keys, or none. Name all three."),
    "root_unknown": N_("This root key is none of the three of the bundle. Take the right one."),
    "bundle_wrong_file": N_("This is no trust bundle. Take the file of the ceremony."),
    "bundle_damaged": N_("This bundle is damaged or incomplete. Copy it again from its source."),
    "bundle_wrong_network": N_(
        "This bundle belongs to other roots than those of this network. Do not use it."
    ),
    "bundle_bad_signature": N_(
        "A signature of this bundle is wrong: it was altered. Do not use it; fetch it again."
    ),
    "bundle_needs_two": N_(
        "This bundle has {signed} of the two signatures it needs. Have another root key sign it."
    ),
    "bundle_no_roots": N_(
        "This network has no root keys, so it takes no bundle. Only a new network can have them."
    ),
    "bundle_old": N_(
        "This bundle is older ({version}) than the one in force ({known}). Take the newest."
    ),
    "bundle_other_center": N_(
        "This bundle names another center's key first. Make the bundle on this center."
    ),
}

TRUST_NOTICES = {
    "revoked_here": N_(
        "This kit was revoked: the others were told that it is lost. If it is in your hands, tell "
        "the center in person; it must be enrolled again."
    ),
    "issued_unknown": N_(
        "This center was restored, and nothing here tells what it issued since the backup. Revoke "
        "again every kit and key that was revoked, and compare the numbers of the last orders and "
        "of the kits with your paper log."
    ),
    "quarantine_full": N_(
        "{station} was revoked and has sent more than is set aside of one kit. What is there "
        "stays; what it sends from now on is dropped."
    ),
    "wipe_ordered": N_("Order {detail} told this kit to erase itself."),
}
