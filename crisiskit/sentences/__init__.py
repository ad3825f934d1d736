"""The sentence for every code that lower layers give, in English; one file for each subject."""

from __future__ import annotations

from crisiskit.sentences import errors, links, modems, notices, trust

ERRORS = errors.ERRORS | links.LINK_ERRORS | trust.TRUST_ERRORS
TROUBLES = links.TROUBLES
NOTICES = notices.NOTICES | links.LINK_NOTICES | trust.TRUST_NOTICES
STATUSES = modems.STATUSES
