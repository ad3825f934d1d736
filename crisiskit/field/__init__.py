"""The screen of the field team."""

from __future__ import annotations

from pathlib import Path


def run(home: Path, *, plain: bool) -> int:
    """Open the field screen, or its line mode, on the kit in ``home``; its exit status."""
    from crisiskit.installation import Places
    from crisiskit.screens.estimator import currencies, estimator

    store, price, paid = Places.of(home).store, estimator(home), currencies(home)
    if plain:
        from crisiskit.field.plain import FieldLines

        FieldLines(store, price, currencies=paid).run()
        return 0
    from crisiskit.field.app import FieldApp

    app = FieldApp(store, price, paid)
    app.run()
    return app.return_code or 0
