"""A page takes what one message can hold, and says so where it does not."""

from __future__ import annotations

from textual import events
from textual.app import App, ComposeResult

from crisiskit.compose import TEXT_BYTES_MAX
from crisiskit.screens.page import Page


class OnePage(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.refused: list[int] = []

    def compose(self) -> ComposeResult:
        yield Page()

    def on_page_full(self, event: Page.Full) -> None:
        self.refused.append(event.size)


async def test_a_megabyte_pasted_is_refused_whole_and_typing_goes_on() -> None:
    app = OnePage()
    async with app.run_test() as pilot:
        page = app.query_one(Page)
        page.focus()
        app.post_message(events.Paste("é" * 500_000))
        await pilot.press("w", "e")
        await pilot.pause()
        assert page.text == "we"
        assert app.refused == [1_000_000]


async def test_a_full_page_takes_no_letter_more() -> None:
    app = OnePage()
    async with app.run_test() as pilot:
        page = app.query_one(Page)
        page.focus()
        app.post_message(events.Paste("a" * (TEXT_BYTES_MAX - 1)))
        await pilot.press("b", "c", "enter")
        await pilot.pause()
        assert (len(page.text), page.text[-2:]) == (TEXT_BYTES_MAX, "ab")
        assert len(app.refused) == 2
