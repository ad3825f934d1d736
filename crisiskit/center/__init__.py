"""The crisis center's side: the operator's desk."""

from __future__ import annotations

from pathlib import Path


def run(home: Path, *, plain: bool) -> None:
    """Open the desk, or its line mode, on the center in ``home``; returns when it ends."""
    from crisiskit.installation import Places
    from crisiskit.screens.estimator import estimator

    store, price = Places.of(home).store, estimator(home)
    if plain:
        from crisiskit.center.plain import DeskLines

        DeskLines(store, price).run()
    else:
        from crisiskit.center.desk import DeskApp

        DeskApp(store, price).run()
