"""Draws the pictures of the README from the real screens: ``make pictures``.

A kit with a few messages in every state and a center with two kits are made in folders that
are thrown away; the screens run on them without a terminal and write what they show as SVG.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crisiskit.i18n import set_language

if TYPE_CHECKING:
    from crisiskit.codec.objects import SignedObject

NOW_MS = 1_795_464_000_000
MINUTE_MS = 60_000


def main() -> None:
    """The field screen in both languages and the desk in English, beside this file."""
    os.environ["TZ"] = "Indian/Mayotte"
    time.tzset()
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    for name, lang in (("field", "en"), ("field", "fr"), ("desk", "en")):
        set_language(lang)
        with tempfile.TemporaryDirectory() as home:
            asyncio.run(draw(name, Path(home), folder / f"{name}-{lang}.svg", lang))


async def draw(name: str, home: Path, picture: Path, lang: str) -> None:
    """Fill a store, open a screen on it at 80x24, write the picture."""
    from crisiskit.center.desk import DeskApp
    from crisiskit.crypto.vault import Vault
    from crisiskit.field.app import FieldApp
    from crisiskit.foresight import Foresight
    from crisiskit.sync.plan import Estimate

    for module in ("screens.app", "field.app", "center.desk"):
        vars(sys.modules[f"crisiskit.{module}"])["wall_ms"] = lambda: NOW_MS
    kind, store = (FieldApp, fill) if name == "field" else (DeskApp, fill_center)
    price = Foresight((Estimate("satellite", 48, 1, 90_000, 20.0),))
    app = kind(store(home, lang), Vault(bytes(32)), lambda draft: price)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        drawn = app.export_screenshot(title=f"crisiskit {name}")
        picture.write_text(offline(drawn), encoding="utf-8")


def offline(drawn: str) -> str:
    """The picture without the fonts and comments that point to a network."""
    drawn = re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL)
    return re.sub(r"<!--.*?-->\s*", "", drawn, flags=re.DOTALL)


def network() -> dict[str, bytes]:
    """The facts of the network whose authority signs ``order``."""
    from crisiskit.crypto.identity import CenterIdentity

    keys = CenterIdentity(bytes(range(128)))
    return {
        "network": b"Mayotte",
        "network_id": keys.network_id,
        "authorities": keys.authority_public,
    }


def order(number: int, now_s: int, text: str) -> SignedObject:
    """An order to kit 7 in that network."""
    from crisiskit.codec.objects import AUTHORITY, ObjectKind, SignedObject
    from crisiskit.crypto.identity import CenterIdentity
    from crisiskit.crypto.trust import sign

    keys = CenterIdentity(bytes(range(128)))
    plain = SignedObject(ObjectKind.ORDER, number, now_s, (AUTHORITY,), life=24, kits=(7,))
    return sign(replace(plain, answer=True, text=text), keys.network_id, keys.sign)


def fill(home: Path, lang: str) -> Path:
    """A store with messages in both directions and in every state."""
    from crisiskit.codec.objects import object_data
    from crisiskit.compose import compose_form
    from crisiskit.crypto.vault import Vault
    from crisiskit.model import CENTER, Direction, Precedence, Record, RecordKind
    from crisiskit.step import (
        Acknowledged,
        Arrived,
        EpochHeard,
        EpochOpened,
        Now,
        Sealed,
        Sent,
        Spent,
    )
    from crisiskit.store.store import Draft, NewPairing, Store
    from crisiskit.sync.orders import OrderBook

    clock = [NOW_MS - 55 * MINUTE_MS]
    store = Store(home / "store.db", lambda: clock[0], Vault(bytes(32)))
    fp = b"kit-------------"
    store.set_meta(role=b"kit", name=b"kit-7", kit_number=b"7", own_fp=fp, **network())
    store.add_pairing(
        NewPairing(
            7, CENTER, fp, bytes(32), bytes(16), bytes(32), bytes(32), bytes(32), keeps_root=False
        )
    )
    words = WORDS[lang]
    data, text = compose_form("needs", words["needs"], clock[0] // MINUTE_MS)
    drafts = [
        Draft(RecordKind.TEXT, Precedence.FLASH, words["flash"]),
        Draft(RecordKind.FORM, Precedence.PRIORITY, text, data),
        Draft(RecordKind.TEXT, Precedence.PRIORITY, words["bridge"]),
        Draft(RecordKind.TEXT, Precedence.ROUTINE, words["school"]),
    ]
    refs = []
    for draft in drafts:
        store.keep([draft])
        refs.append(max(store.kept()))
        clock[0] += 11 * MINUTE_MS
    spent = Spent("satellite", 300, 7, 630_000)
    store.apply([EpochOpened(1, 0, b"salt", bytes(16), bytes(32)), spent])
    for seq, ref in enumerate(refs[:3]):
        store.apply(
            [
                Sealed(1, 0, seq, b"frame", drafts[seq].precedence, b"", bytes(32), (ref,)),
                Sent(1, 0, seq, "satellite", 60, 2, True),
            ]
        )
    signed = order(12, clock[0] // 1000, words["order"])
    record = Record(
        RecordKind.ORDER,
        Precedence.IMMEDIATE,
        clock[0] // MINUTE_MS,
        words["order"],
        object_data(signed),
    )
    digest = bytes(16)
    came = Arrived(
        1, Direction.DOWN, 0, b"salt", 0, b"frame", b"", "satellite", (record,), (digest,)
    )
    state = store.snapshot().orders
    assert state is not None
    ordered = OrderBook(state).records(1, (record,), (digest,), Now(0.0, clock[0]))
    store.apply([Acknowledged(1, 0, 2), EpochHeard(1, 0, b"salt", bytes(32)), came, *ordered])
    store.set_link_state("satellite", "sbd", "ready", 4, "", 0)
    store.set_link_state("wifi", "tcp", "down", None, "no_service", 0)
    store.close()
    return home / "store.db"


def fill_center(home: Path, lang: str) -> Path:
    """The store of a center: two kits, what came in from them, and an order to one."""
    from crisiskit.compose import compose_form
    from crisiskit.crypto.vault import Vault
    from crisiskit.model import Direction, Precedence, Record, RecordKind
    from crisiskit.step import Arrived, EpochHeard, Spent
    from crisiskit.store.issue import issue
    from crisiskit.store.store import NewPairing, Store

    clock = [NOW_MS - 55 * MINUTE_MS]
    store = Store(home / "store.db", lambda: clock[0], Vault(bytes(32)))
    own = b"center----------"
    store.set_meta(role=b"center", name=b"center", own_fp=own, **network())
    for number in (7, 12):
        fp = b"kit-%02d----------" % number
        store.add_pairing(
            NewPairing(
                number,
                f"kit-{number}",
                fp,
                bytes(32),
                own,
                bytes(32),
                bytes(32),
                bytes(32),
                keeps_root=True,
            )
        )
    words = WORDS[lang]
    data, text = compose_form("needs", words["needs"], clock[0] // MINUTE_MS)
    came = [
        (2, RecordKind.TEXT, Precedence.ROUTINE, words["school"], b""),
        (1, RecordKind.FORM, Precedence.PRIORITY, text, data),
        (1, RecordKind.TEXT, Precedence.FLASH, words["flash"], b""),
        (2, RecordKind.TEXT, Precedence.PRIORITY, words["bridge"], b""),
    ]
    for pairing in (1, 2):
        store.apply([EpochHeard(pairing, 0, b"salt", bytes(32))])
    for seq, (pairing, kind, precedence, body, head) in enumerate(came):
        record = Record(kind, precedence, clock[0] // MINUTE_MS, body, head)
        digest = bytes([40 * seq + 11]) * 16
        up = Direction.UP
        arrived = Arrived(
            pairing, up, 0, b"salt", seq, b"frame", b"", "gateway", (record,), (digest,)
        )
        store.apply([arrived])
        clock[0] += 11 * MINUTE_MS
    store.mark_read(1)
    issue(
        store,
        lambda number, now_s, _trust: order(number, now_s, words["order"]),
        Precedence.IMMEDIATE,
    )
    store.apply([Spent("gateway", 180, 4, 360_000)])
    store.set_link_state("gateway", "sbd-server", "ready", None, "", 0)
    store.set_link_state("lan", "tcp-listen", "ready", None, "", 0)
    store.close()
    return home / "store.db"


WORDS: dict[str, dict[str, Any]] = {
    "en": {
        "flash": "Hospital roof torn off, 14 injured, landing zone clear.",
        "bridge": "Bridge on the coast road is gone, the village is cut off.",
        "school": "220 people in the school, water for one day.",
        "order": "Open the school as a shelter before nightfall.",
        "needs": {"place": "school", "urgency": "today", "people": "220"},
    },
    "fr": {
        "flash": "Toit de l'hôpital arraché, 14 blessés, hélicoptère possible.",
        "bridge": "Le pont de la route côtière est emporté, village isolé.",
        "school": "220 personnes à l'école, de l'eau pour un jour.",
        "order": "Ouvrez l'école comme abri avant la nuit.",
        "needs": {"place": "école", "urgency": "aujourd’hui", "people": "220"},
    },
}

if __name__ == "__main__":
    main()
