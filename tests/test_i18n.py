"""Every code that can reach a person has its sentence, in both languages."""

from __future__ import annotations

import ast
import io
import string
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hypothesis import given
from hypothesis import strategies as st

import crisiskit
from crisiskit import errors, i18n
from crisiskit.errors import CrisiskitError, StoreError, UsageError
from crisiskit.i18n import explain, set_language
from crisiskit.model import Notice
from crisiskit.sentences import ERRORS, NOTICES, TROUBLES
from transports.link import Trouble

SOURCE = Path(crisiskit.__file__).parent
PO = SOURCE / "locale" / "fr" / "LC_MESSAGES" / "crisiskit.po"
ERROR_NAMES = {
    name
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, CrisiskitError)
}
VARIABLES = ("CRISISKIT_LANG", "LC_ALL", "LC_MESSAGES", "LANG")


def french() -> Catalog:
    with PO.open("rb") as source:
        return read_po(source, locale="fr")


@pytest.fixture(autouse=True)
def clean_slate(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """The catalog freshly compiled, nothing chosen, no language in the environment."""
    place = tmp_path_factory.mktemp("locale")
    compiled = io.BytesIO()
    write_mo(compiled, french())
    messages = place / "fr" / "LC_MESSAGES"
    messages.mkdir(parents=True)
    (messages / "crisiskit.mo").write_bytes(compiled.getvalue())
    monkeypatch.setattr(i18n, "LOCALES", place)
    monkeypatch.setattr(i18n, "_chosen", "")
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    i18n._catalog.cache_clear()
    yield
    i18n._catalog.cache_clear()


# -- the language ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [("fr", "fr"), ("fr_FR.UTF-8", "fr"), ("FR", "fr"), ("en_GB", "en"), ("de", "en"), ("C", "en")],
)
def test_a_language_is_chosen_by_its_first_letters(wanted: str, chosen: str) -> None:
    assert set_language(wanted) == chosen
    assert i18n.language() == chosen


def test_the_nearest_wish_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set_language() == "en"
    wishes = zip(reversed(VARIABLES), ["fr", "en", "fr", "en"], strict=True)
    for name, lang in wishes:
        monkeypatch.setenv(name, f"{lang}_XX.UTF-8")
        assert set_language() == lang
    assert set_language("fr") == "fr"


def test_an_empty_variable_is_no_wish(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "")
    monkeypatch.setenv("LANG", "fr_FR.UTF-8")

    assert set_language() == "fr"


def test_words_follow_the_language_even_when_it_changes() -> None:
    set_language("en")
    assert i18n._("yes") == "yes"
    set_language("fr")
    assert i18n._("yes") == "oui"
    assert i18n.speak("en")("yes") == "yes"


def test_plurals_count_as_the_language_does() -> None:
    message = next(message for message in messages() if message.pluralizable)
    one, many = forms(message.id)
    set_language("en")
    assert i18n.ngettext(one, many, 0) == many
    set_language("fr")
    assert [i18n.ngettext(one, many, count) for count in (0, 2)] == forms(message.string)


def test_without_a_compiled_catalog_everything_is_said_in_english(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(i18n, "LOCALES", tmp_path)
    i18n._catalog.cache_clear()
    set_language("fr")

    assert i18n._("yes") == "yes"
    assert explain(UsageError("text_empty")) == ERRORS["text_empty"]


# -- the catalog -----------------------------------------------------------------------------


def placeholders(text: str) -> list[str]:
    return sorted(name for _text, name, _spec, _as in string.Formatter().parse(text) if name)


def forms(words: str | Sequence[str] | None) -> list[str]:
    """Singular and plural, or the one form there is."""
    return [words] if isinstance(words, str) else list(words or [])


def messages() -> list[Message]:
    return [message for message in french() if message.id]


def test_nothing_is_left_untranslated_or_doubtful() -> None:
    assert len(messages()) > 100
    unfinished = [m.id for m in messages() if m.fuzzy or not m.string or not all(m.string)]
    assert unfinished == []


def test_a_translation_takes_the_same_values() -> None:
    for message in messages():
        if message.python_format:
            continue
        for original, translated in zip(forms(message.id), forms(message.string), strict=True):
            assert placeholders(translated) == placeholders(original), original


def test_catalogs_name_no_place_of_this_machine() -> None:
    template = SOURCE / "locale" / "crisiskit.pot"
    for path in (PO, template):
        assert "#: /" not in path.read_text("utf-8")


def all_sentences() -> list[str]:
    words = [word for pair in TROUBLES.values() for word in pair]
    return [*ERRORS.values(), *NOTICES.values(), *words]


@pytest.mark.parametrize("sentence", all_sentences())
def test_each_sentence_stands_in_the_french_catalog(sentence: str) -> None:
    translated = french().get(sentence)

    assert translated is not None and translated.string
    if len(sentence) > 20:
        assert translated.string != sentence


# -- every code has a text -------------------------------------------------------------------

Used = set[str]


def codes_in_source() -> tuple[Used, Used]:
    """Codes of errors and of notices that our source creates by name."""
    used: tuple[Used, Used] = (set(), set())
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            name = node.func.id
            if node.args and (name in ERROR_NAMES or name == "Notice"):
                inside = ast.walk(node.args[0])
                words = {str(part.value) for part in inside if isinstance(part, ast.Constant)}
                used[name == "Notice"].update(words)
    return used


def test_every_error_code_in_the_source_has_its_sentence() -> None:
    raised, _noticed = codes_in_source()

    assert "store_locked" in raised
    assert raised - {"center", "kit"} <= ERRORS.keys()


def test_every_notice_code_in_the_source_has_its_sentence() -> None:
    _raised, noticed = codes_in_source()

    assert "fork" in noticed
    assert noticed <= NOTICES.keys()


@pytest.mark.parametrize("trouble", Trouble)
def test_every_trouble_of_a_link_has_a_word_and_a_sentence(trouble: Trouble) -> None:
    for lang in ("en", "fr"):
        word = i18n.trouble_word(trouble, lang)
        sentence = i18n.trouble_text(trouble, lang)
        assert 0 < len(word) <= 16
        assert sentence.endswith(".") and len(sentence) > len(word)


def test_the_link_bar_has_no_word_twice() -> None:
    for lang in ("en", "fr"):
        assert len({i18n.trouble_word(trouble, lang) for trouble in Trouble}) == len(Trouble)


# -- sentences -------------------------------------------------------------------------------


def test_an_error_says_what_happened_and_what_to_do() -> None:
    error = UsageError("text_too_long", bytes=1_000_000, most=12_000)

    assert explain(error, "en") == (
        "The text is too long: 1000000 bytes, at most 12000. Shorten it, or send it as several "
        "messages."
    )
    assert explain(error, "fr") == (
        "Le texte est trop long\u00a0: 1000000 octets, 12000 au plus. Raccourcissez-le ou "
        "envoyez-le en plusieurs messages."
    )


@pytest.mark.parametrize("lang", ["en", "fr"])
@pytest.mark.parametrize("code", ERRORS)
def test_every_sentence_stands_even_where_values_are_missing(code: str, lang: str) -> None:
    sentence = explain(CrisiskitError(code), lang)

    assert "{" not in sentence and sentence


def test_an_unknown_code_is_said_with_its_values() -> None:
    error = StoreError("never_heard_of", path="/tmp/x")

    assert "never_heard_of path=/tmp/x" in explain(error, "en")
    assert "never_heard_of" in explain(error, "fr")
    assert "odd" in i18n.trouble_text("odd", "en") and i18n.trouble_word("odd") == "odd"
    assert i18n.notice_text(Notice("odd", "detail"), "en").startswith("odd: detail.")


def test_a_notice_names_the_station_and_the_detail() -> None:
    notice = Notice("fork", "epoch 7", station="Delta-2")

    for lang in ("en", "fr"):
        sentence = i18n.notice_text(notice, lang)
        assert "Delta-2" in sentence and "epoch 7" in sentence


@pytest.mark.parametrize(
    ("code", "en", "fr"),
    [
        ("fork", "find the second copy", "trouvez la deuxième copie"),
        ("undecodable", "It is kept", "Il est gardé"),
        ("signature_wrong", "Ask Delta-2 over another way", "Demandez à Delta-2"),
        ("peer_restored", "nothing needs to be done", "il n’y a rien à faire"),
        ("restored_here", "Check whether recent messages", "Vérifiez si des messages"),
    ],
)
def test_what_the_log_notices_is_said_with_what_to_do(code: str, en: str, fr: str) -> None:
    notice = Notice(code, "epoch 7 number 3", station="Delta-2")
    for lang, words in (("en", en), ("fr", fr)):
        sentence = i18n.notice_text(notice, lang)
        assert words in sentence and "Delta-2" in sentence


@given(st.text(st.characters(), max_size=50))
def test_values_from_outside_cannot_touch_the_terminal(value: str) -> None:
    sentence = explain(CrisiskitError("file_missing", path=value), "en")

    assert not {unicodedata.category(sign) for sign in sentence} & {"Cc", "Cs", "Zl", "Zp"}
    assert not set(sentence) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067")
    assert sentence.count("\u2068") == sentence.count("\u2069") <= 1


def test_a_giant_value_is_cut_and_braces_are_only_signs() -> None:
    assert len(explain(CrisiskitError("kit_unknown", name="x" * 100_000), "en")) < 400
    assert "“{0.__class__}”" in explain(CrisiskitError("kit_unknown", name="{0.__class__}"), "en")
