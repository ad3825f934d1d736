"""Long texts come out whole, whatever the order of their parts, and never fill the card."""

import random

from hardware.sms_assembly import GAP, PARTS_AGE_S, PARTS_KEPT_MAX, Assembly
from hardware.sms_pdu import Coding, Deliver, Part, Report
from hardware.sms_phone import Incoming


def part(number: int, total: int, reference: int = 7, sender: str = "+1") -> Deliver:
    return Deliver(sender, Coding.GSM7, f"<{number}>", part=Part(reference, total, number))


def test_whole_messages_pass_through() -> None:
    assembly = Assembly()
    text, data = Deliver("+1", Coding.GSM7, "hello"), Deliver("+1", Coding.DATA, data=b"frame")
    report = Report("+1", 7, 0)
    assert assembly.add("SM 1", text, 0) == Incoming(("SM 1",), "+1", text="hello")
    assert assembly.add("SM 2", data, 0) == Incoming(("SM 2",), "+1", data=b"frame")
    assert assembly.add("SR 1", report, 0) == Incoming(("SR 1",), "+1", report=report)
    assert assembly.add("SM 3", None, 0) == Incoming(("SM 3",))


def test_parts_of_data_are_a_strangers_and_junk() -> None:
    message = Deliver("+1", Coding.DATA, data=b"x", part=Part(1, 2, 1))
    assert Assembly().add("SM 1", message, 0) == Incoming(("SM 1",), "+1")


def test_parts_in_any_order_and_more_than_once() -> None:
    for seed in range(20):
        chance = random.Random(seed)
        parts = [part(number, 4) for number in (1, 2, 3, 4)]
        chance.shuffle(parts)
        parts.insert(chance.randrange(1, 4), parts[0])
        assembly = Assembly()
        found = [assembly.add(f"SM {at}", one, 0) for at, one in enumerate(parts)]
        whole = next(one for one in found if one is not None)
        assert whole.text == "<1><2><3><4>"
        assert len(whole.places) >= 4


def test_parts_of_different_texts_are_not_mixed() -> None:
    assembly = Assembly()
    assert assembly.add("SM 1", part(1, 2, 7), 0) is None
    assert assembly.add("SM 2", part(2, 2, 8), 0) is None
    assert assembly.add("SM 3", part(2, 2, 7, "+2"), 0) is None
    whole = assembly.add("SM 4", part(2, 2, 7), 0)
    assert whole is not None and whole.places == ("SM 1", "SM 4")


def test_what_is_never_completed_is_given_out_with_its_gaps() -> None:
    assembly = Assembly()
    assembly.add("SM 1", part(2, 6), 0)
    assembly.add("SM 2", part(5, 6), 0)
    assert assembly.overdue(PARTS_AGE_S - 1) == []
    assembly.forget()
    assembly.add("SM 1", part(2, 6), PARTS_AGE_S)
    assembly.add("SM 2", part(5, 6), PARTS_AGE_S)
    (found,) = assembly.overdue(PARTS_AGE_S)
    assert found.text == f"{GAP}<2>{GAP}<5>{GAP}"
    assert found.places == ("SM 1", "SM 2")


def test_strangers_parts_cannot_fill_the_card() -> None:
    assembly = Assembly()
    given_up = 0
    for at in range(100):
        assembly.add(f"SM {at}", part(1, 9, reference=at), float(at))
        given_up += len(assembly.overdue(float(at)))
    assert given_up == 100 - PARTS_KEPT_MAX
