"""A day's budget is kept, its reserves too, and a clock that is set back gives nothing twice."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from crisiskit.model import Precedence
from crisiskit.step import Purse
from crisiskit.sync.budget import DAY_MS, Budget, Ledger
from transports.link import Price, Traits

SAT = Traits(340, credit_bytes=50, price_credit_micros=90_000)
CREDIT = Price(50, 1, 90_000)
amounts = st.none() | st.integers(0, 10_000)
budgets = st.builds(Budget, amounts, amounts, amounts)


def spend(ledger: Ledger, credits: int, day: float) -> Purse:
    purse = ledger.purse("sat", round(day * DAY_MS))
    for _ in range(credits):
        purse = ledger.pay("sat", CREDIT, round(day * DAY_MS))
    return purse


def test_reserves_are_for_those_who_need_them() -> None:
    budget = Budget(credits=100)
    for spent, able in ((79, 4), (80, 2), (94, 2), (95, 1), (99, 1), (100, 1), (900, 1)):
        pays = [budget.pays(p, Purse(0, 0, spent), CREDIT) for p in Precedence]
        assert sum(pays) == able
        assert pays == sorted(pays), "what is more urgent may never use less"


def test_money_and_bytes_count_as_credits_do() -> None:
    for precedence in Precedence:
        is_flash = precedence is Precedence.FLASH
        for budget, spent in (
            (Budget(micros=100_000), Purse(0, 0, 0, 20_000)),
            (Budget(frame_bytes=100), Purse(0, 51)),
        ):
            assert not budget.covers(precedence, spent, CREDIT)
            assert budget.pays(precedence, spent, CREDIT) is is_flash, "FLASH goes over it"
    assert Budget(frame_bytes=100).frame_bytes_paid(Precedence.ROUTINE, Purse(0), SAT) == 80
    assert Budget(credits=5).frame_bytes_paid(Precedence.ROUTINE, Purse(0), SAT) == 200
    assert Budget(micros=450_000).frame_bytes_paid(Precedence.IMMEDIATE, Purse(0), SAT) == 200


@given(
    budgets,
    st.sampled_from(Precedence),
    st.builds(Purse, st.just(0), *[st.integers(0, 9999)] * 3),
    st.integers(1, 340),
)
def test_a_frame_that_is_paid_for_is_never_larger_than_what_pays(
    budget: Budget, precedence: Precedence, spent: Purse, size: int
) -> None:
    most = budget.frame_bytes_paid(precedence, spent, SAT)
    assert budget.pays(precedence, spent, SAT.price(size)) == (size <= most)


def test_midnight_opens_a_new_purse() -> None:
    ledger = Ledger()
    assert spend(ledger, 7, 20.99).credits == 7
    assert spend(ledger, 0, 21.0) == Purse(21)


def test_a_clock_set_back_goes_on_with_the_purse_and_a_day_comes_only_once() -> None:
    ledger = Ledger()
    spend(ledger, 60, 20.5)
    assert spend(ledger, 40, 19.5).credits == 100
    assert spend(ledger, 0, 20.1).credits == 100, "what was paid in between counts as well"
    assert spend(ledger, 0, 21.1).credits == 0


def test_a_clock_that_was_years_ahead_is_forgiven_at_the_next_midnight() -> None:
    ledger = Ledger()
    spend(ledger, 100, 9000.5)
    assert spend(ledger, 0, 20.5).credits == 100
    ledger.pay("sat", CREDIT, round(20.6 * DAY_MS))
    assert spend(ledger, 0, 21.5).credits == 0


def test_a_new_process_goes_on_where_the_last_one_was() -> None:
    ledger = Ledger({"sat": Purse(20, 500, 10, 5)}, [("sat", Purse(20, 50, 1, 5))])
    assert ledger.purse("sat", 20 * DAY_MS).credits == 10
    assert ledger.purse("sat", 19 * DAY_MS).credits == 10
    assert Ledger({}, [("sat", Purse(20, 50, 1, 5))]).purse("sat", 20 * DAY_MS).credits == 1


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 9)), max_size=40))
def test_no_walk_of_the_clock_gives_a_named_day_more_than_its_budget(
    walk: list[tuple[int, int]],
) -> None:
    budget, ledger, paid = Budget(credits=12), Ledger(), dict.fromkeys(range(6), 0)
    for day, wanted in walk:
        for _ in range(wanted):
            purse = ledger.purse("sat", day * DAY_MS)
            if budget.covers(Precedence.FLASH, purse, CREDIT):
                ledger.pay("sat", CREDIT, day * DAY_MS)
                paid[day] += 1
    assert max(paid.values()) <= 12
