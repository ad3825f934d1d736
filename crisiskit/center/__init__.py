"""The crisis center's side: the operator's desk."""

from __future__ import annotations

from pathlib import Path


def run(home: Path, *, plain: bool) -> int:
    """Open the desk, or its line mode, on the center in ``home``; its exit status."""
    from crisiskit.installation import Places
    from crisiskit.keystore import opened
    from crisiskit.plugged import Newcomers
    from crisiskit.screens.estimator import currencies, estimator, why_waits
    from crisiskit.screens.guard import guard_of

    vault, guard = opened(home).vault, guard_of(home)
    store, paid = Places.of(home).store, currencies(home)
    price, why = estimator(home, vault), why_waits(home, vault)
    if plain:
        from crisiskit.center.plain import DeskLines

        lines = DeskLines(
            store,
            vault,
            price,
            currencies=paid,
            guard=guard,
            why=why,
            newcomers=Newcomers(home),
        )
        return lines.run()
    from crisiskit.center.desk import DeskApp

    app = DeskApp(store, vault, price, paid, guard, why, Newcomers(home))
    app.run()
    return app.return_code or 0
