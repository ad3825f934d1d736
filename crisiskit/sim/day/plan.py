"""What the kits of a day have, and what people write in it: drawn from a seed.

Traits are those of the links' own settings (``transports.sbd``, ``sms``, ``neighbours``,
``folder``; TCP is as fast as a shared Wi-Fi). Rates of messages: a kit writes 40 to 200 a day in
a crisis; here it writes 30 and gets 12, so that a day of 40 kits can be lived in minutes.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from crisiskit.model import CENTER, Precedence, RecordKind
from crisiskit.sim.carrier import Carrier, Span, Visit, windows_of
from crisiskit.sync.budget import Budget
from crisiskit.sync.hours import Hours
from transports.link import Traits

HOUR = 3600.0
WARM_UP_S = 2 * HOUR
SETTLE_S = 72 * HOUR
UP_A_DAY = 30
DOWN_A_DAY = 12
DOWN_BYTES = 270
SHARES = {
    Precedence.ROUTINE: 60,
    Precedence.PRIORITY: 24,
    Precedence.IMMEDIATE: 11,
    Precedence.FLASH: 5,
}
EQUIPMENT: tuple[tuple[str, ...], ...] = (
    ("sat",),
    ("sat", "wifi"),
    ("sat", "wifi"),
    ("sms", "wifi"),
    ("sat", "stick"),
    ("lan",),
)

SAT_UP = Traits(340, 20, 8.5, credit_bytes=50, repeat_s=1800, receipt_delay_s=600)
SAT_DOWN = replace(SAT_UP, mtu_bytes=DOWN_BYTES, listens=True, lasting_peers=True)
SMS_UP = Traits(140, 8, 35, credit_bytes=140, repeat_s=900, receipt_delay_s=120)
SMS_DOWN = replace(SMS_UP, listens=True, lasting_peers=True)
WIFI = Traits(4096)
LAN = Traits(4096, listens=True, proves=True)
STICK = Traits(
    16_384, 4 * HOUR, repeat_s=4 * HOUR, receipt_delay_s=600, returns=False, carried=True
)

_OPENINGS = ("Bridge", "Road", "School", "Water point", "Pont", "Route", "Puits", "Centre")
_STATES = (
    "is closed, no way round",
    "open again for light vehicles",
    "needs drinking water for {n} people",
    "abrite {n} personnes, dont des enfants",
    "coupe depuis ce matin, {n} familles isolees",
    "has {n} injured, two cannot walk",
    "without power since {n} hours, fuel needed",
)
_ENDS = ("", "", " Please confirm.", " Merci de repondre.", " The team stays until tomorrow noon.")


@dataclass(frozen=True, slots=True)
class Said:
    """One message: who writes it to whom, when (s of the world), and what."""

    at_s: float
    kit: int
    up: bool
    precedence: Precedence
    text: str
    kind: RecordKind = RecordKind.TEXT


@dataclass(frozen=True, slots=True)
class Day:
    """``has``: the links of each kit by number; ``beside``: who carries for those with none."""

    seed: int
    kits: int
    hours: float
    carriers: tuple[Carrier, ...]
    has: dict[int, tuple[str, ...]]
    beside: dict[int, int]
    said: tuple[Said, ...]

    def carrier(self, name: str) -> Carrier:
        """A link by its name."""
        return next(one for one in self.carriers if one.name == name)

    def links(self, kit: int) -> tuple[str, ...]:
        """The links by which a kit's messages go: its own, or those of whom it is beside."""
        return self.has[self.beside.get(kit, kit)]


def draw(kits: int, hours: float, seed: int) -> Day:
    """The day of a seed."""
    rng = random.Random(f"day {seed}")
    has = {kit: EQUIPMENT[(kit - 1) % len(EQUIPMENT)] for kit in range(1, kits + 1)}
    relays = [kit for kit, links in has.items() if links == ("sat", "wifi")]
    dark = [kit for kit, links in has.items() if links == ("lan",)]
    beside = {kit: relays[n % len(relays)] for n, kit in enumerate(dark)} if relays else {}
    end_s = WARM_UP_S + hours * HOUR
    carriers = (*_carriers(has, end_s, rng), *_camps(beside))
    said = sorted(_said(has, hours, rng), key=lambda one: one.at_s)
    return Day(seed, kits, hours, carriers, has, beside, tuple(said))


def _carriers(
    has: dict[int, tuple[str, ...]], end_s: float, rng: random.Random
) -> tuple[Carrier, ...]:
    def owners(link: str) -> list[str]:
        return [f"kit-{kit}" for kit, links in has.items() if link in links]

    sat, sms = len(owners("sat")), len(owners("sms"))
    visits = _visits(owners("stick"), end_s + SETTLE_S, rng)
    return (
        Carrier(
            "sat",
            SAT_UP,
            SAT_DOWN,
            failure=0.08,
            unsure=0.3,
            delay_s=(5.0, 35.0),
            budget=Budget(credits=250),
            center_budget=Budget(credits=250 * sat),
            members=frozenset([CENTER, *owners("sat")]),
        ),
        Carrier(
            "sms",
            SMS_UP,
            SMS_DOWN,
            loss=0.002,
            failure=0.02,
            delay_s=(2.0, 8.0),
            hours=Hours(((300, 1380),)),
            budget=Budget(credits=120),
            center_budget=Budget(credits=120 * max(1, sms)),
            members=frozenset([CENTER, *owners("sms")]),
        ),
        Carrier(
            "wifi",
            WIFI,
            replace(WIFI, listens=True),
            delay_s=(0.05, 0.3),
            members=frozenset([CENTER, *owners("wifi")]),
            windows={name: _spans(end_s + SETTLE_S, rng) for name in owners("wifi")},
        ),
        Carrier(
            "stick",
            STICK,
            STICK,
            members=frozenset([CENTER, *owners("stick")]),
            windows=windows_of(visits),
            visits=visits,
        ),
    )


def _camps(beside: dict[int, int]) -> list[Carrier]:
    """A local network around each kit that carries for others."""
    camps: dict[int, list[int]] = {}
    for kit, relay in beside.items():
        camps.setdefault(relay, []).append(kit)
    return [
        Carrier(f"camp-{relay}", LAN, LAN, members=frozenset(f"kit-{n}" for n in (relay, *dark)))
        for relay, dark in camps.items()
    ]


def _spans(end_s: float, rng: random.Random) -> tuple[Span, ...]:
    """Wi-Fi for one to three hours, now and then."""
    spans, at_s = [], rng.uniform(0.5, 6) * HOUR
    while at_s < end_s:
        spans.append((at_s, at_s + rng.uniform(1, 3) * HOUR))
        at_s = spans[-1][1] + rng.uniform(3, 9) * HOUR
    return tuple(spans)


def _visits(owners: list[str], end_s: float, rng: random.Random) -> tuple[Visit, ...]:
    """One courier after the other: center, kit, center, for each kit every eight hours or so."""
    visits, at_s = [], HOUR
    while owners and at_s < end_s:
        for stick, kit in enumerate(owners):
            for place in (CENTER, kit, CENTER):
                visits.append(Visit(stick, place, (at_s, at_s + 300)))
                at_s += 600
        at_s += rng.uniform(6, 9) * HOUR
    return tuple(visits)


def _said(has: dict[int, tuple[str, ...]], hours: float, rng: random.Random) -> list[Said]:
    said: list[Said] = []
    for kit in has:
        for up, a_day in ((True, UP_A_DAY), (False, DOWN_A_DAY)):
            for _ in range(round(a_day * hours / 24)):
                at_s = WARM_UP_S + rng.uniform(0, hours * HOUR)
                precedence = rng.choices(list(SHARES), list(SHARES.values()))[0]
                order = not up and precedence is Precedence.IMMEDIATE
                kind = RecordKind.ORDER if order else RecordKind.TEXT
                said.append(Said(at_s, kit, up, precedence, _text(len(said), kit, rng), kind))
    return said


def _text(n: int, kit: int, rng: random.Random) -> str:
    state = rng.choice(_STATES).format(n=rng.randint(2, 90))
    return f"{rng.choice(_OPENINGS)} {kit}-{n} {state}.{rng.choice(_ENDS)}"
