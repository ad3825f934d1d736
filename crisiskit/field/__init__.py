"""The screen of the field team."""

from __future__ import annotations

from pathlib import Path


def run(home: Path, *, plain: bool) -> None:
    """Open the field screen, or its line mode, on the kit in ``home``; returns when it ends."""
    from crisiskit.installation import Places
    from crisiskit.screens.estimator import estimator

    store, price = Places.of(home).store, estimator(home)
    if plain:
        from crisiskit.field.plain import FieldLines

        FieldLines(store, price).run()
    else:
        from crisiskit.field.app import FieldApp

        FieldApp(store, price).run()
