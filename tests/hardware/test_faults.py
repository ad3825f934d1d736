"""A fault script is checked before it is played, and each fault comes at its moment."""

import pytest

from hardware.sim.faults import Fault, FaultScriptError, Script, parse_script


def test_a_script() -> None:
    faults = parse_script(
        """
        [[fault]]
        kind = "status"
        session = 3
        times = 2
        status = 13
        delivered = true

        [[fault]]
        kind = "unplug"
        at_s = 60
        for_s = 10
        """
    )
    assert faults == (
        Fault(kind="status", session=3, times=2, status=13, delivered=True),
        Fault(kind="unplug", at_s=60, for_s=10),
    )
    assert parse_script("") == ()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('[[fault]]\nkind = "flood"\nat_s = 1', "flood"),
        ('[[fault]]\nkind = "hang"', "exactly one"),
        ('[[fault]]\nkind = "hang"\nat_s = 1\nsession = 1', "exactly one"),
        ('[[fault]]\nkind = "status"\nat_s = 1', "needs a session"),
        ('[[fault]]\nkind = "hang"\nat_s = -1', ">= 0"),
        ('[[fault]]\nkind = "hang"\nat = 1', "unknown field `at`"),
        ("fault = 1", "array"),
        ("[[fault", ""),
    ],
)
def test_a_wrong_script_is_refused_with_one_sentence(text: str, complaint: str) -> None:
    with pytest.raises(FaultScriptError) as caught:
        parse_script(text)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_sessions_are_counted_from_one() -> None:
    fault = Fault(kind="status", session=3, times=2)
    script = Script((fault,))
    assert [script.for_session(number) for number in range(1, 7)] == [
        None,
        None,
        fault,
        fault,
        None,
        None,
    ]


def test_the_nth_command_of_a_kind() -> None:
    fault = Fault(kind="hang", command="AT+SBDWB", nth=2)
    script = Script((fault,))
    commands = ["AT+SBDWB=5", "AT+CSQ", "at+sbdwb=7", "AT+SBDWB=5"]
    assert [script.for_command(text) for text in commands] == [None, None, fault, None]


def test_timed_faults_come_in_order() -> None:
    late, early = Fault(kind="hang", at_s=9), Fault(kind="ring", at_s=1)
    assert Script((late, Fault(kind="ring", session=1), early)).timed == [(1, early), (9, late)]
