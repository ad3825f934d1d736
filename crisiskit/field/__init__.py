"""The screen of the field team."""

from __future__ import annotations

from pathlib import Path


def run(home: Path, *, plain: bool) -> int:
    """Open the field screen, or its line mode, on the kit in ``home``; its exit status."""
    from crisiskit.installation import Places
    from crisiskit.keystore import opened
    from crisiskit.screens.estimator import currencies, estimator
    from crisiskit.screens.guard import guard_of

    vault, guard = opened(home).vault, guard_of(home)
    store, price, paid = Places.of(home).store, estimator(home), currencies(home)
    if plain:
        from crisiskit.field.plain import FieldLines

        return FieldLines(store, vault, price, currencies=paid, guard=guard).run()
    from crisiskit.field.app import FieldApp

    app = FieldApp(store, vault, price, paid, guard)
    app.run()
    return app.return_code or 0
