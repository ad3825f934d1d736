"""What a modem said of its last try, as a sentence: the meaning, and what to do about it.

Keys are the ``status`` codes of :class:`transports.link.LinkState`: ``sbd-N`` is an MO status of
+SBDIX (ISU AT Command Reference), ``modem-WORD`` a :class:`hardware.at_line.ModemTrouble`.
"""

from __future__ import annotations

from crisiskit.mark import N_

_UNSURE = N_(
    "The connection was lost near the end: the satellite may have the message. It is sent again, "
    "and the center drops what it has already."
)

STATUSES = {
    "sbd-1": N_(
        "A message for this kit is too large for its modem and blocks the queue. The center must "
        "empty the queue of this kit and write shorter."
    ),
    "sbd-2": N_(
        "The position of the modem was not taken: it may not ring for new messages. They come "
        "with the next one sent."
    ),
    "sbd-10": _UNSURE,
    "sbd-11": N_("The queue at the gateway is full. It is tried again in five minutes."),
    "sbd-12": N_("The message has too many pieces for this modem. Write it shorter."),
    "sbd-13": _UNSURE,
    "sbd-14": N_("The modem refused the size of the message. Write it shorter."),
    "sbd-15": N_(
        "The network refuses this modem. Ask the center whether its subscription is active; it is "
        "tried every hour."
    ),
    "sbd-16": N_(
        "The gateway has locked this modem. The center must ask its provider to unlock it."
    ),
    "sbd-17": _UNSURE,
    "sbd-18": _UNSURE,
    "sbd-19": _UNSURE,
    "sbd-32": N_(
        "No satellite is in view. Put the antenna where it sees the whole sky; it is tried again."
    ),
    "sbd-33": N_("The antenna is faulty or not connected. Check its cable and plug."),
    "sbd-34": N_("The radio was switched off and is switched on again now."),
    "sbd-35": N_("The modem is registering. It is tried again in a moment."),
    "sbd-36": N_("The network asks for three minutes between two registrations. It is tried then."),
    "sbd-37": N_("The network has suspended the service for now. It is tried again in 15 minutes."),
    "sbd-38": N_("The network is overloaded and asks all modems to wait. It is tried again later."),
    "sbd-64": N_(
        "The modem may not transmit in this region, or is broken. Use another link, and tell the "
        "center."
    ),
    "sbd-65": N_(
        "The modem gets too little power. Use a shorter cable or another USB port, and unplug it "
        "for ten seconds."
    ),
    "sbd-reserved": N_("The modem failed for a reason of its own. It is tried again."),
    "modem-silent": N_(
        "The modem does not answer. Check cable and power; unplug it for ten seconds."
    ),
    "modem-garbled": N_(
        "The modem speaks nonsense. Check the cable, and that this port is really the modem’s."
    ),
    "modem-refused": N_(
        "The modem refuses a command it must know. Check that the settings name the right modem."
    ),
    "modem-too_large": N_("The modem takes no message of this size: lower mtu in the settings."),
    "modem-hardware": N_(
        "The modem reports a fault of its own. Unplug it for ten seconds; if it stays, replace it."
    ),
    "modem-damaged": N_(
        "A message was damaged between modem and computer and was not taken in. It comes again by "
        "itself; check the cable."
    ),
}
