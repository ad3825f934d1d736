"""The crisis center's side: the operator's desk."""

from __future__ import annotations

from pathlib import Path


def run(home: Path, *, plain: bool) -> int:
    """Open the desk, or its line mode, on the center in ``home``; its exit status."""
    from crisiskit.installation import Places
    from crisiskit.screens.estimator import currencies, estimator

    store, price, paid = Places.of(home).store, estimator(home), currencies(home)
    if plain:
        from crisiskit.center.plain import DeskLines

        DeskLines(store, price, currencies=paid).run()
        return 0
    from crisiskit.center.desk import DeskApp

    app = DeskApp(store, price, paid)
    app.run()
    return app.return_code or 0
