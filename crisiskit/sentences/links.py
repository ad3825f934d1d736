"""Links and devices: the word on the link bar and the sentence behind it, and their errors."""

from __future__ import annotations

from crisiskit.mark import N_

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
    "untrusted": (
        N_("not trusted"),
        N_(
            "The other side does not prove that it is the center. In a hotel or airport open any "
            "page in a browser and log in; else check pin or certificate in the settings."
        ),
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
    "full": (
        N_("full"),
        N_("There is no room left on it. Delete files there, or take another stick."),
    ),
    "read_only": (
        N_("write-protected"),
        N_("Nothing can be written there. Move the lock of the stick, or take another one."),
    ),
    "hardware": (
        N_("faulty"),
        N_("The device reports a fault. Switch it off and on; if it stays, replace it."),
    ),
    "sim": (
        N_("SIM card"),
        N_(
            "The SIM card is missing or wants its PIN. Put it in, unlock it in a phone, or write "
            "its PIN anew into the file named as pin_file."
        ),
    ),
    "unusable": (
        N_("not set up"),
        N_("A file that this link needs cannot be used. Run “crisiskit doctor” to see which."),
    ),
    "part_missing": (
        N_("part missing"),
        N_("This link needs a part that is not installed. Install crisiskit with its “links”."),
    ),
}

# What is wrong with a key of a link's table, by the word of transports.common.WrongSetting.
SETTING_REASONS = {
    "ax25_address": N_(
        "must be a call sign: up to six letters A to Z and digits, then perhaps “-” and a number "
        "up to 15, like F4XYZ-7"
    ),
    "call_sign": N_(
        "must be an amateur's call sign like F4XYZ-7, because every frame carries it; on a band "
        'with a licence of its own write band = "licensed"'
    ),
    "own_call_sign": N_("must be another station than “call”; a second SSID will do, like F4XYZ-8"),
    "host_and_port": N_("must be HOST:PORT, like 127.0.0.1:8001"),
    "port_or_tcp": N_(
        "or else “tcp” must say where the TNC is: a serial port, or HOST:PORT; one of the two"
    ),
}

LINK_ERRORS = {
    "link_unknown": N_("There is no link called “{name}”. Choose one of: {known}."),
    "link_pair": N_("“{word}” is no setting. Write it as KEY=VALUE, like port=/dev/ttyUSB0."),
    "link_pair_twice": N_("The key “{key}” was given twice. Leave one of them out."),
    "link_add_what": N_(
        "Which kind of link? “crisiskit link add --list” shows them all; at a terminal “crisiskit "
        "link add” asks."
    ),
    "link_not_added": N_("Nothing was written."),
    "settings_changed": N_(
        "{path} was changed by somebody else meanwhile. Nothing was written; try again."
    ),
    "link_kind_unknown": N_("There is no kind of link “{kind}”. Choose one of: {known}."),
    "no_link_for_words": N_(
        "No such link carries plain words. Name one of kind sms in {path}, see docs/sms.md."
    ),
    "link_kind_broken": N_("The kind of link “{kind}” cannot be used: {why}. Reinstall it."),
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
    "part_missing": N_(
        "This needs a part that is not installed ({detail}). Install crisiskit with its “{part}”."
    ),
    "secret_readable": N_(
        "Others on this machine can read {path}, which holds a secret. Run “chmod 600 {path}”, "
        "and change the secret if that machine has other users."
    ),
    "stick_missing": N_(
        "No stick is inserted. Insert one, or name a folder: crisiskit stick FOLDER."
    ),
    "stick_which": N_("There are several: {folders}. Name one: crisiskit stick FOLDER."),
    "folder_missing": N_("There is no folder {path}. Insert the stick, or correct the name."),
    "stick_silent": N_(
        "The agent does not answer. See “crisiskit doctor”; what was not sent stays kept."
    ),
    "zeroconf_missing": N_(
        "Neighbours cannot be found by themselves: the package zeroconf is missing. Install it "
        "with: pip install zeroconf. Or set search = false and name them under peers."
    ),
    "port_in_use": N_(
        "Another program is listening on {address}. Stop it, or choose another port."
    ),
}

LINK_NOTICES: dict[str, str] = {
    "modem_queue_full": N_(
        "The satellite network keeps 50 messages for the modem {detail} and takes no more. Let its "
        "kit check the mailbox; or write flush_when_stuck = true in the table of this link: old "
        "ones are then dropped there, and what is not held is sent again."
    ),
    "modem_queue_blocked": N_(
        "A message waits for the modem {detail} that is larger than it can take, and nothing "
        "behind it arrives. Write flush_when_stuck = true in the table of this link, or have the "
        "provider empty the queue: what is not held is sent again."
    ),
    "modem_prohibited": N_(
        "The satellite network does not let the modem {detail} in. Ask the provider about its "
        "contract."
    ),
    "modem_sends_too_much": N_(
        "The modem {detail} tried to send more than its kind may. Set “mtu” of the link on that "
        "kit to what its modem takes."
    ),
    "gateway_refuses": N_(
        "The gateway refuses messages for {detail}. Check the account, the modem's contract and "
        "the settings of the link; what waits stays kept."
    ),
}
