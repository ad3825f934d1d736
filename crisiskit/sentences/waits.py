"""Why a message waits, in half a sentence that goes on from the message."""

from __future__ import annotations

from crisiskit.mark import N_

WAITS = {
    "waits_free": N_("waits for {link} until {time}, then {then}, {cost}"),
    "waits_hours": N_("waits until {time}, when {link} may be used, {cost}"),
    "waits_budget": N_("waits until {time}, today's budget of {link} is used up"),
    "waits_budget_for_ever": N_("waits for another link, a day's budget of {link} is too small"),
    "waits_encrypted": N_("waits for another link, those here take only what is READABLE BY ALL"),
    "waits_window": N_("waits for receipts of what left before it"),
    "no_link": N_("waits for a link, none is up"),
    "no_link_set_up": N_("waits for a link, none is set up"),
}
