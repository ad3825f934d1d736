"""The screen of the field team."""

from __future__ import annotations

from pathlib import Path


def run(home: Path, *, plain: bool) -> int:
    """Open the field screen, or its line mode, on the kit in ``home``; its exit status."""
    from crisiskit.installation import Places
    from crisiskit.screens.estimator import estimator

    store, price = Places.of(home).store, estimator(home)
    if plain:
        from crisiskit.field.plain import FieldLines

        FieldLines(store, price).run()
        return 0
    from crisiskit.field.app import FieldApp

    app = FieldApp(store, price)
    app.run()
    return app.return_code or 0
