"""HTML: one page that stands alone, reads aloud well, and does nothing a message asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crisiskit.export.as_html import as_html
from crisiskit.export.heading import Heading
from crisiskit.model import Message, RecordKind

Make = Callable[..., Message]
VOID = {"meta", "br"}
KNOWN = {
    *("html", "head", "meta", "title", "style", "body", "main", "h1", "p"),
    *("table", "caption", "thead", "tbody", "tr", "th", "td"),
}


class Page(HTMLParser):
    """Which elements there are, each closed in its turn, and the words between them."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _attributes in self.elements)


def page(heading: Heading, *messages: Message) -> Page:
    return Page("".join(as_html(messages, heading)))


@pytest.mark.parametrize(("lang", "word"), [("en", "Message"), ("fr", "Message")])
def test_a_screen_reader_finds_language_title_and_heads(
    heading: Heading, text: Make, lang: str, word: str
) -> None:
    found = page(replace(heading, lang=lang), text("Pont coupé"))
    assert found.elements[0] == ("html", {"lang": lang})
    scopes = [attributes.get("scope") for tag, attributes in found.elements if tag == "th"]
    assert scopes == ["col"] * 7 + ["row"]
    assert (found.count("title"), found.count("h1"), found.count("caption")) == (1, 1, 1)
    assert {word, "Pont coupé", "Delta-2"} <= set(found.words)


def times(words: list[str]) -> set[str]:
    return {word for word in words if word[:2] == "20"}


def test_french_and_english_differ(heading: Heading, form: Make) -> None:
    message = form("sitrep", place="Sada", road="closed")
    english = page(heading, message).words
    french = page(replace(heading, lang="fr"), message).words
    assert any("Road: closed" in word for word in english)
    assert any("coupée" in word for word in french)
    assert {"From", "State"} <= set(english) and {"De", "État"} <= set(french)
    ours = {"Message", "ID", "Delta-2", "center", "7KQ2-M3XD"}
    assert {word for word in english if word.strip() and "{" not in word} & set(
        french
    ) <= ours | times(french)


def test_nothing_is_fetched_and_nothing_runs(heading: Heading, text: Make) -> None:
    found = page(heading, text('<img src=http://x/><script>alert(1)</script>" onclick="x'))
    assert {tag for tag, _attributes in found.elements} <= KNOWN
    names = {name for _tag, attributes in found.elements for name in attributes}
    assert names <= {"lang", "charset", "http-equiv", "content", "name", "scope", "class", "dir"}
    policy = [attributes for _tag, attributes in found.elements if "http-equiv" in attributes]
    assert str(policy[0]["content"]).startswith("default-src 'none'")


def test_a_drill_is_named_and_a_period_is_told(heading: Heading) -> None:
    drill = replace(heading, exercise=True, since=0, until=60_000, incident="Chido <2>")
    words = page(drill).words
    assert "EXERCISE" in words
    assert "From 1970-01-01 00:00 to 1970-01-01 00:01" in words
    assert "Incident: Chido <2>" in words
    assert "EXERCISE" not in page(heading).words
    assert "Number of messages: 0" in words


@given(words=st.text(max_size=80), data=st.binary(max_size=30), kind=st.sampled_from(RecordKind))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
def test_any_message_is_one_row_of_known_elements(
    heading: Heading, text: Make, words: str, data: bytes, kind: RecordKind
) -> None:
    message = text(words, author=words, kind=kind, data=data)
    told = "".join(as_html([message], replace(heading, incident=words, station=words)))
    told.encode()
    found = Page(told)
    assert {tag for tag, _attributes in found.elements} <= KNOWN
    assert found.count("tr") == 2
    assert not {"\x00", "\x1b", "\u202e", "\u200f"} & set(told)
