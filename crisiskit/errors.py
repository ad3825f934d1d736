"""The error tree and its exit statuses.

    CrisiskitError            1  failed: one sentence says what to do
      UsageError              2  wrong usage
      SettingsError           1
      StoreError              1
      TrustError              3  refused: trust, authority, budget
      BusyError              75  try again later (EX_TEMPFAIL of sysexits.h)

An error carries a ``code`` and the values for its sentence; the sentence itself, in the
reader's language, is made by ``i18n.explain``.
"""

from __future__ import annotations


class CrisiskitError(Exception):
    """Trouble in the world, told to people by its code."""

    exit_status = 1

    def __init__(self, code: str, **values: object) -> None:
        super().__init__(code, values)
        self.code = code
        self.values = values

    def __str__(self) -> str:
        shown = " ".join(f"{key}={value}" for key, value in self.values.items())
        return f"{self.code} {shown}".strip()


class UsageError(CrisiskitError):
    """The words of the command are wrong."""

    exit_status = 2


class SettingsError(CrisiskitError):
    """The settings file cannot be used as it is."""


class StoreError(CrisiskitError):
    """The database cannot be opened or written."""


class TrustError(CrisiskitError):
    """Keys, signatures or authority do not allow it."""

    exit_status = 3


class BusyError(CrisiskitError):
    """Somebody else holds what is needed; later it may work."""

    exit_status = 75
