"""The crisis center's side: the operator's desk."""

from __future__ import annotations

from pathlib import Path


def run(home: Path, *, plain: bool) -> int:
    """Open the desk, or its line mode, on the center in ``home``; its exit status."""
    from crisiskit.installation import Places
    from crisiskit.screens.estimator import estimator

    store, price = Places.of(home).store, estimator(home)
    if plain:
        from crisiskit.center.plain import DeskLines

        DeskLines(store, price).run()
        return 0
    from crisiskit.center.desk import DeskApp

    app = DeskApp(store, price)
    app.run()
    return app.return_code or 0
