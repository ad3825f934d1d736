"""What leaves at once, what waits, for what, and until when: the rule alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from crisiskit.model import Precedence
from crisiskit.step import Now, Purse
from crisiskit.sync.budget import DAY_MS, UNLIMITED, Budget
from crisiskit.sync.hours import ALWAYS, Hours
from crisiskit.sync.patience import Patience
from crisiskit.sync.policy import Offer, Terms, Verdict, Wait, Why, decide
from transports.link import Traits

FREE = Traits(4096)
SAT = Traits(340, latency_s=20, credit_bytes=50, price_credit_micros=90_000)
SMS = Traits(140, latency_s=5, credit_bytes=140, price_credit_micros=50_000)
HOUR_MS = 3_600_000
NOON = 20_000 * DAY_MS + 12 * HOUR_MS
PATIENCE = Patience(1800, 300)


def offer(
    link: str,
    traits: Traits,
    up: bool,
    hours: Hours = ALWAYS,
    budget: Budget = UNLIMITED,
    spent: int = 0,
) -> Offer:
    return Offer(link, Terms(traits, hours, budget), up, Purse(0, 0, spent))


def ask(
    *offers: Offer, p: Precedence = Precedence.ROUTINE, age_s: float = 0, size: int = 80
) -> Verdict:
    kept_at = NOON - round(age_s * 1000)
    return decide(p, kept_at, size, offers, PATIENCE, Now(0, NOON, 0))


def test_routine_waits_for_the_free_link_then_leaves_by_what_there_is() -> None:
    links = offer("wifi", FREE, up=False), offer("sat", SAT, up=True)
    assert ask(*links).wait == Wait(Why.FREE, "wifi", NOON + 1_800_000, "sat", 2, 180_000)
    assert ask(*links, age_s=1799).wait is not None
    assert ask(*links, age_s=1800).links == {"sat"}


def test_priority_has_less_patience_and_what_is_urgent_has_none() -> None:
    links = offer("wifi", FREE, up=False), offer("sat", SAT, up=True)
    assert ask(*links, p=Precedence.PRIORITY).wait == Wait(
        Why.FREE, "wifi", NOON + 300_000, "sat", 2, 180_000
    )
    assert ask(*links, p=Precedence.IMMEDIATE).links == {"sat"}
    assert ask(*links, p=Precedence.FLASH).links == {"sat"}


def test_nothing_waits_where_no_free_link_is_set_up_or_one_is_there() -> None:
    assert ask(offer("sat", SAT, up=True)).links == {"sat"}
    assert "wifi" in ask(offer("wifi", FREE, up=True), offer("sat", SAT, up=True)).links


def test_a_free_link_that_opens_too_late_is_not_waited_for() -> None:
    soon, late = Hours(((12 * 60 + 20, 900),)), Hours(((13 * 60, 900),))
    sat = offer("sat", SAT, up=True)
    wait = ask(offer("wifi", FREE, True, soon), sat).wait
    assert wait is not None and (wait.why, wait.link) == (Why.FREE, "wifi")
    assert ask(offer("wifi", FREE, True, late), sat).links == {"sat"}


def test_hours_bind_all_but_flash_and_go_by_local_time() -> None:
    night = offer("sat", SAT, True, Hours(((22 * 60, 6 * 60),)))
    for p in Precedence:
        wait = ask(night, p=p).wait
        if p is Precedence.FLASH:
            assert wait is None
        else:
            assert wait == Wait(Why.HOURS, "sat", NOON + 10 * HOUR_MS, "sat", 2, 180_000)
    abroad = Now(0, NOON, 10 * 3600)
    verdict = decide(Precedence.ROUTINE, NOON, 80, [night], PATIENCE, abroad)
    assert verdict.links == {"sat"}


def test_a_budget_that_is_spent_is_told_with_the_hour_it_comes_back() -> None:
    tight = Budget(credits=100)
    wait = ask(offer("sat", SAT, True, budget=tight, spent=79)).wait
    assert wait == Wait(Why.BUDGET, "sat", NOON + 12 * HOUR_MS, "sat", 2, 180_000)
    assert ask(offer("sat", SAT, True, budget=tight, spent=79), p=Precedence.IMMEDIATE).links
    spent = offer("sat", SAT, True, budget=tight, spent=99)
    assert ask(spent, p=Precedence.IMMEDIATE).wait is not None
    flash = ask(spent, p=Precedence.FLASH)
    assert flash.links == {"sat"} and flash.stands[0].over, "over the budget, and says so"
    assert not ask(offer("sat", SAT, True, budget=tight), p=Precedence.FLASH).stands[0].over
    never = ask(offer("sat", SAT, True, budget=Budget(credits=1)))
    assert never.wait == Wait(Why.BUDGET, "sat")


def test_no_link_has_its_own_words() -> None:
    assert ask().wait == Wait(Why.NONE)
    assert ask(offer("wifi", FREE, False), offer("sat", SAT, False)).wait == Wait(Why.DOWN)


def test_what_is_urgent_goes_by_delay_and_the_rest_by_price() -> None:
    links = offer("sat", SAT, True), offer("sms", SMS, True), offer("wifi", FREE, True)
    assert [s.link for s in ask(*links, age_s=9999).stands] == ["wifi", "sms", "sat"]
    slow = offer("radio", Traits(64, latency_s=60), True)
    urgent = ask(slow, *links, p=Precedence.IMMEDIATE)
    assert [s.link for s in urgent.stands] == ["wifi", "sms", "sat", "radio"]


traits = st.sampled_from([FREE, SAT, SMS])
hours = st.sampled_from([ALWAYS, Hours(((360, 1320),)), Hours(((1320, 360),))])
plans = st.sampled_from([UNLIMITED, Budget(credits=10), Budget(credits=100)])
terms = st.builds(Terms, traits, hours, plans)
purses = st.builds(Purse, st.just(0), st.just(0), st.integers(0, 100))
offers = st.lists(
    st.builds(Offer, st.sampled_from("abcdef"), terms, st.booleans(), purses),
    max_size=5,
    unique_by=lambda one: one.link,
)
ages = st.integers(0, 4000)


@given(offers, ages, st.integers(1, 4000))
def test_the_more_urgent_the_more_links_and_never_fewer_with_age(
    given_offers: list[Offer], age_s: int, size: int
) -> None:
    by_precedence = [ask(*given_offers, p=p, age_s=age_s, size=size).links for p in Precedence]
    assert by_precedence[0] <= by_precedence[1] <= by_precedence[2] <= by_precedence[3]
    older = ask(*given_offers, age_s=age_s + 600, size=size).links
    assert by_precedence[0] <= older


@given(offers, st.sampled_from(Precedence), ages, st.integers(1, 4000))
def test_it_leaves_or_says_why_not_and_keeps_its_word(
    given_offers: list[Offer], p: Precedence, age_s: int, size: int
) -> None:
    verdict = ask(*given_offers, p=p, age_s=age_s, size=size)
    assert bool(verdict.links) is (verdict.wait is None)
    assert {one.link for one in given_offers} == {stand.link for stand in verdict.stands}
    for one in given_offers:
        if one.link in verdict.links:
            assert one.up and one.terms.budget.pays(
                p, one.spent, one.terms.traits.price(min(size, one.terms.traits.mtu_bytes))
            )
    wait = verdict.wait
    if wait is None or wait.until_ms is None:
        return
    assert wait.until_ms > NOON
    later = Now(0, wait.until_ms, 0)
    fresh = wait.until_ms // DAY_MS > NOON // DAY_MS
    then = [Offer(o.link, o.terms, o.up, Purse(0) if fresh else o.spent) for o in given_offers]
    kept_at = NOON - age_s * 1000
    after = decide(p, kept_at, size, then, PATIENCE, later)
    promised = next(one for one in then if one.link == wait.then)
    better = wait.why is Why.FREE and any(not o.terms.traits.metered for o in then)
    assert not promised.up or wait.then in after.links or better
