"""Notices: what a person must know, for each code of a Notice."""

from __future__ import annotations

from crisiskit.mark import N_

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
    "file_unreadable": N_(
        "A piece of a file from {station} cannot be read here. It is kept. Install the newest "
        "version, and ask {station} to send the file again."
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
    "clock_off_gps": N_(
        "The clock here is {detail} seconds off the time of the satellites. Messages still go out; "
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
}
