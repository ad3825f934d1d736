"""What stands on the glass of 80x24: whole lines, whole words, readable without color."""

from __future__ import annotations

from typing import Any

import pytest
from rich.cells import cell_len
from textual.pilot import Pilot

from crisiskit.clock import wall_ms
from crisiskit.codec.forms import Choice
from crisiskit.forms import catalog
from crisiskit.model import LinkView, Precedence, State
from crisiskit.screens.bar import Bar
from crisiskit.screens.lines import MessageRows
from crisiskit.screens.linkbar import link_words
from crisiskit.screens.rows import PAGE_ROWS, fit
from crisiskit.store.views import Views
from transports.link import Phase, Trouble

BOTH = pytest.mark.parametrize("lang", ["en", "fr"], indirect=True)
WIDTH, HEIGHT = 80, 24


def whole(pilot: Pilot[None], lines: list[str]) -> None:
    """Every line has the width of the glass, and no bar was cut."""
    assert len(lines) == HEIGHT
    assert {cell_len(line) for line in lines} == {WIDTH}
    for bar in pilot.app.screen.query(Bar):
        assert "…" not in str(bar.render())


@BOTH
@pytest.mark.parametrize("role", ["kit", "center"])
async def test_nothing_is_cut_on_80_by_24(
    kit: Any, tmp_path: Any, station: Any, show: Any, seen: Any, lang: str, role: str
) -> None:
    there = kit if role == "kit" else station(tmp_path / "center.db", "center", kits=2)
    for precedence in Precedence:
        there.receive("A long message of many words. " * 20, precedence)
    for name in ("satellite", "wifi", "radio"):
        there.store.set_link_state(name, "tcp", "down", 5, "no_service", 3)
    async with show(there) as pilot:
        whole(pilot, seen(pilot))
        assert [line[1:4].strip() for line in seen(pilot)[2:4]] == ["!<", "!<"]
        assert seen(pilot)[1].split()[:2] == ["§", {"en": "URGENCY", "fr": "URGENCE"}[lang]]
        bottom = seen(pilot)[-4:-1]
        assert [line.split(":")[0].strip() for line in bottom] == ["satellite", "wifi", "radio"]
        await pilot.press("question_mark")
        await pilot.pause()
        glass = seen(pilot)
        words = {"en": "Esc closes this.", "fr": "Échap pour fermer."}[lang]
        assert sum(words in line for line in glass) == 1
        assert any("┗" in line for line in glass) and any("┏" in line for line in glass)
        inside = [line for line in glass if "┃" in line]
        assert sum("§" in line and "!" in line for line in inside) == 1
        assert not any(line.strip("┃ ").endswith("…") for line in inside)
        pages = pilot.app.screen.query(".dialog").first()
        assert pages.max_scroll_y == 0
        await pilot.press("escape", "enter")
        await pilot.pause()
        whole(pilot, seen(pilot))


@BOTH
@pytest.mark.parametrize("form", catalog.names())
async def test_every_field_shows_its_whole_help(
    kit: Any, show: Any, seen: Any, lang: str, form: str
) -> None:
    async with show(kit) as pilot:
        await pilot.press("f", *["down"] * catalog.names().index(form), "enter")
        await pilot.pause()
        for field in catalog.schema(form).fields:
            glass = " ".join(" ".join(seen(pilot)).split())
            label, help_words = field.label.say(lang), field.help.say(lang)
            assert " ".join(label.split()) in glass
            assert " ".join(help_words.split()) in glass
            if isinstance(field, Choice):
                assert " / ".join(option.say(lang) for option in field.values) in glass
            await pilot.press("tab")
            await pilot.pause()
        whole(pilot, seen(pilot))


@BOTH
def test_every_state_is_a_word_of_its_own(kit: Any, lang: str) -> None:
    kit.keep("x")
    views = kit.view()
    rows = MessageRows(views, wall_ms)
    words = set()
    for state in State:
        kit.store._db.execute("UPDATE delivery SET state = ?", (state,))
        line = "".join(text for text, _mark in rows.cells(views.page()[0], 78))
        words.add(line[23:35].strip(" ·…→»✓✔×!"))
        assert cell_len(line.rstrip()) <= 78
    assert len(words) == len(State) and all(word.isupper() for word in words)
    views.close()


@BOTH
def test_every_state_of_a_link_is_said_in_words(lang: str) -> None:
    said = set()
    for phase in Phase:
        link = LinkView("wifi", "tcp", phase, None, "", 0, 0, 0, 0, 0)
        said.add(link_words(link))
    for trouble in Trouble:
        link = LinkView("wifi", "tcp", Phase.DOWN, None, trouble, 0, 0, 0, 0, 0)
        assert len(link_words(link)) <= WIDTH - 2
        said.add(link_words(link))
    assert len(said) == len(Phase) + len(Trouble)


async def test_the_chosen_row_field_and_answer_are_seen_without_color(
    kit: Any, show: Any, wait: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    kit.keep("one")

    def reversed_words(pilot: Pilot[None]) -> str:
        strips = pilot.app.screen._compositor.render_strips()
        pieces = [piece for strip in strips for piece in strip]
        return " ".join(p.text for p in pieces if p.style is not None and p.style.reverse)

    async with show(kit) as pilot:
        assert "one" in reversed_words(pilot)
        await pilot.press("f", "down", "down")
        await wait(pilot, "> Needs")
        await pilot.press("up")
        await wait(pilot, "> Medical evacuation")
        await pilot.press("enter")
        await wait(pilot, "Where the patients wait")
        assert "Pick-up place" in reversed_words(pilot)
        await pilot.press("tab")
        await pilot.pause(0.1)
        assert "Position" in reversed_words(pilot)
        assert "Pick-up place" not in reversed_words(pilot)


async def test_a_hundred_thousand_rows_cost_a_few_pages(
    kit: Any, show: Any, seen: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kit.keep("row 1")
    vault, db = kit.store._db.vault, kit.store._db
    db.create_function("sealed", 3, lambda text, place, row: vault.seal(text.encode(), place, row))
    many = "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)"
    db.execute(
        "INSERT INTO record (digest, code, box, kind, precedence, minute, twin, clock, data, text,"
        f" written_at) {many} SELECT CAST(i AS BLOB), i, 'out', 0, 0, 0, 0, 0,"
        " sealed('', 'record.data', CAST(i AS BLOB)),"
        " sealed('row ' || i, 'record.text', CAST(i AS BLOB)), 0 FROM n"
    )
    db.execute(
        "INSERT INTO delivery (record, pairing, box, listed, precedence, state, state_at)"
        " SELECT id, 1, 'out', 1, 0, 'held', 0 FROM record WHERE id > 1"
    )
    reads: list[int] = []
    page = Views.page

    def counted(self: Views, box: str = "all", first: int = 0, rows: int = PAGE_ROWS) -> Any:
        if rows == PAGE_ROWS:
            reads.append(first)
        return page(self, box, first, rows)

    monkeypatch.setattr(Views, "page", counted)
    async with show(kit) as pilot:
        await pilot.press("end")
        await pilot.pause()
        assert pilot.app.list.cursor == 99_999
        assert "KEPT" in "".join(seen(pilot))
        await pilot.press(*["pageup"] * 5, "home")
        await pilot.pause()
        assert pilot.app.list.cursor == 0
    assert len(reads) < 12


@pytest.mark.parametrize("text", ["", "a", "ab", "abcdef", "漢字漢字", "e\u0301tat"])
def test_fit_gives_exactly_the_cells_that_were_asked_for(text: str) -> None:
    for width in range(8):
        assert cell_len(fit(text, width)) == width
