"""Every MO status has its class and its waiting time, and the tries spread as they should."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.iridium_status import Backoff, Session, Verdict, mo_status

OK, RETRY, MAYBE = Verdict.OK, Verdict.RETRY, Verdict.MAYBE
WAIT, STOP, ALARM, FATAL = Verdict.WAIT, Verdict.STOP, Verdict.ALARM, Verdict.FATAL

TABLE = {
    **dict.fromkeys(range(100), (RETRY, None)),
    **dict.fromkeys(range(5), (OK, None)),
    **dict.fromkeys((10, 13, 17, 18, 19), (MAYBE, None)),
    **dict.fromkeys((12, 14), (FATAL, None)),
    **dict.fromkeys((15, 16, 64), (STOP, 3600.0)),
    **dict.fromkeys((33, 65), (ALARM, 300.0)),
    11: (WAIT, 300.0),
    32: (WAIT, 30.0),
    34: (WAIT, 0.0),
    35: (WAIT, 5.0),
    36: (WAIT, 180.0),
    37: (WAIT, 900.0),
    38: (WAIT, 900.0),
}


@pytest.mark.parametrize("code", TABLE)
def test_class_and_waiting_time_of_every_status(code: int) -> None:
    status = mo_status(code)
    assert (status.verdict, status.wait_s) == TABLE[code]
    assert status.code == code
    assert status.meaning


def test_the_operator_hears_of_what_only_people_can_mend() -> None:
    assert {code for code in range(100) if mo_status(code).alarm} == {1, 11, 15, 16, 33, 64, 65}


@given(code=st.integers(-1000, 1000))
def test_only_0_to_4_are_success(code: int) -> None:
    session = Session(mo_status(code), 0, 0, 0, 0, 0)
    assert session.ok == (0 <= code <= 4)


@pytest.mark.parametrize(("mt_status", "received"), [(0, False), (1, True), (2, False)])
def test_a_message_came_only_with_mt_status_1(mt_status: int, received: bool) -> None:
    assert Session(mo_status(0), 1, mt_status, 7, 20, 0).received is received


def test_the_back_off_grows_to_five_minutes_and_stays_there() -> None:
    backoff = Backoff(lambda: 1.0)
    assert [backoff.failed() for _ in range(7)] == [
        (5.0, True),
        (5.0, True),
        (30.0, False),
        (30.0, False),
        (300.0, False),
        (300.0, False),
        (300.0, False),
    ]
    backoff.succeeded()
    assert backoff.failed() == (5.0, True)


@given(share=st.floats(0, 1))
def test_the_back_off_is_spread(share: float) -> None:
    backoff = Backoff(lambda: share)
    assert backoff.failed()[0] == 5.0 * share
