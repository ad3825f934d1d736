"""The screen of the field team."""

from __future__ import annotations

from pathlib import Path


def run(home: Path, *, plain: bool) -> int:
    """Open the field screen, or its line mode, on the kit in ``home``; its exit status."""
    from crisiskit.installation import Places
    from crisiskit.keystore import opened
    from crisiskit.plugged import Newcomers
    from crisiskit.screens.estimator import currencies, estimator, why_waits
    from crisiskit.screens.guard import guard_of

    vault, guard = opened(home).vault, guard_of(home)
    store, paid = Places.of(home).store, currencies(home)
    price, why = estimator(home, vault), why_waits(home, vault)
    if plain:
        from crisiskit.field.plain import FieldLines

        lines = FieldLines(
            store,
            vault,
            price,
            currencies=paid,
            guard=guard,
            why=why,
            newcomers=Newcomers(home),
        )
        return lines.run()
    from crisiskit.field.app import FieldApp

    app = FieldApp(store, vault, price, paid, guard, why, Newcomers(home))
    app.run()
    return app.return_code or 0
