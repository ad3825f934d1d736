"""Every message that a signature covers can be proven to a stranger, at both ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from crisiskit.audit.prove import Prover
from crisiskit.codec.proof import decode_proof, encode_proof
from crisiskit.crypto.proof import check_proof
from crisiskit.crypto.publics import Holder
from crisiskit.errors import CrisiskitError
from crisiskit.model import Precedence
from crisiskit.sim.carrier import Carrier
from crisiskit.sim.world import VAULT, Station, World
from crisiskit.store.logbook import Logbook
from crisiskit.store.views import Views
from transports.link import Traits

SAT = Carrier(
    "sat",
    up=Traits(340, credit_bytes=50, repeat_s=60, receipt_delay_s=5),
    down=Traits(270, credit_bytes=50, repeat_s=60, receipt_delay_s=5, listens=True),
)


def proofs(world: World, station: Station, box: str) -> list[tuple[str, str]]:
    """Text and proof word of each message: the author of its proof, or why there is none."""
    views, book = Views(station.store.path, VAULT), Logbook(station.store.path, VAULT)
    authority = world.center.identity.public
    keys = {authority: Holder("center"), world.kits[0].identity.public: Holder("kit-1")}
    found = []
    for message in views.search(box):
        try:
            proof = Prover(book, authority).prove(message.ref, message.id)
        except CrisiskitError as error:
            found.append((message.text, error.code))
            continue
        assert decode_proof(encode_proof(proof)) == proof
        checked = check_proof(proof, keys)
        assert checked.flaw is None and checked.epoch_proven and proof.record.text == message.text
        assert message.signed
        found.append((message.text, checked.author))
    views.close()
    book.close()
    return found


@pytest.mark.parametrize("box", ["in", "out"])
def test_each_message_is_proven_at_both_ends(world: World, box: str) -> None:
    for station in world.stations:
        author = station.name if box == "out" else ("kit-1" if station.is_center else "center")
        made = proofs(world, station, box)
        assert len(made) == 12 and {word for _text, word in made} == {author}


def test_what_only_a_later_life_signs_is_proven_by_its_checkpoint(tmp_path: Path) -> None:
    world = World(tmp_path, [SAT], seed=3)
    kit = world.kits[0]
    for n in range(3):
        world.say(kit, f"long enough to leave no room for a signature {n} " + "road " * n)
        world.run(world.now_s + 120)
    unsigned = {word for _text, word in proofs(world, world.center, "in")}
    assert unsigned == {"proof_unsigned"} == {word for _text, word in proofs(world, kit, "out")}
    world.crash(kit)
    world.run(world.now_s + 60)
    world.say(kit, "now it is signed", Precedence.FLASH)
    world.run(world.now_s + 600)
    for station, box in ((world.center, "in"), (kit, "out")):
        made = proofs(world, station, box)
        assert [word for _text, word in made] == ["kit-1"] * 4, station.name


def test_what_has_not_left_has_no_proof(tmp_path: Path) -> None:
    world = World(tmp_path, [], seed=3)
    world.say(world.kits[0], "kept")
    assert proofs(world, world.kits[0], "out") == [("kept", "proof_unsealed")]
