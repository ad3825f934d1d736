"""The settings file is taken as it was meant, or one sentence names the key that is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisiskit import i18n, sentences
from crisiskit.errors import CrisiskitError, SettingsError
from crisiskit.settings import LinkBudget, LinkPrice, Settings, home_dir, load
from crisiskit.sync.patience import Patience
from transports.link import Link, LinkKind, Traits


class PigeonSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    port: str
    baud: int = 9600


class Pigeon:
    kind = "pigeon"
    Settings = PigeonSettings

    def traits(self, settings: Any, price: Mapping[str, int]) -> Traits:
        raise NotImplementedError

    def open(self, settings: Any, traits: Traits) -> Link:
        raise NotImplementedError


class UnknownKindError(KeyError):
    known = ("pigeon", "smoke")


def find(kind: str) -> LinkKind:
    if kind == "broken":
        raise ImportError("no module named wings")
    if kind != "pigeon":
        raise UnknownKindError(kind)
    return Pigeon()


@pytest.fixture(autouse=True)
def in_english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(i18n, "_chosen", "en")


def read(home: Path, text: str | bytes) -> Settings:
    raw = text if isinstance(text, bytes) else text.encode()
    (home / "settings.toml").write_bytes(raw)
    return load(home, find=find)


LINK = '[[link]]\nname = "sat"\nkind = "pigeon"\nport = "/dev/ttyUSB0"\n'


# -- what is right ---------------------------------------------------------------------------


def test_an_empty_file_is_an_installation_without_links(tmp_path: Path) -> None:
    assert read(tmp_path, "") == Settings(None, None, "info", ())


def test_everything_that_can_be_set(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        'language = "fr"\nname = "Équipe 3"\nlog_level = "debug"\n'
        + LINK
        + "baud = 19200\n"
        + 'price = { credit_micros = 80000, byte_micros = 2, currency = "GBP" }\n'
        + LINK.replace("sat", "sat-2"),
    )

    assert (settings.language, settings.name, settings.log_level) == ("fr", "Équipe 3", "debug")
    first, second = settings.links
    assert (first.name, first.kind) == ("sat", "pigeon")
    assert first.options == PigeonSettings(port="/dev/ttyUSB0", baud=19200)
    assert first.price == LinkPrice(80_000, 2, "GBP")
    assert first.micros == {"credit_micros": 80_000, "byte_micros": 2}
    assert second.options.baud == 9600
    assert second.price == LinkPrice()


def test_a_link_without_encryption_and_leave_for_it(tmp_path: Path) -> None:
    settings = read(tmp_path, "[clear]\nallowed = true\n" + LINK + "clear = true\n")

    assert settings.clear.allowed
    assert settings.links[0].clear
    assert not read(tmp_path, LINK).links[0].clear
    assert not read(tmp_path, LINK).clear.allowed, "unless somebody says so"


def test_a_file_from_windows_is_read(tmp_path: Path) -> None:
    settings = read(tmp_path, b'\xef\xbb\xbflanguage = "fr"\r\n')

    assert settings.language == "fr"


def test_without_links_no_kind_is_looked_for(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(LINK.replace("pigeon", "nothing"))

    assert load(tmp_path, links=False).links == ()


def test_our_own_kinds_of_link_are_found(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(
        '[[link]]\nname = "net"\nkind = "tcp"\nhost = "127.0.0.1"\nport = 4000\n'
    )

    (link,) = load(tmp_path).links

    assert link.options.port == 4000


# -- what is wrong ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "key", "hint"),
    [
        (LINK.replace("port", "prot"), "link[0].prot", "Did you mean “port”?"),
        (LINK + "pice = 1\n", "link[0].pice", "Did you mean “price”?"),
        (
            LINK + "zzz = 1\n",
            "link[0].zzz",
            "The keys there are: baud, budget, clear, hours, kind, name, port, price.",
        ),
        ("langage = 'fr'\n", "langage", "Did you mean “language”?"),
        (LINK + "price = { credit = 1 }\n", "link[0].price.credit", "take it out"),
    ],
)
def test_an_unknown_key_is_named_with_the_one_that_was_meant(
    tmp_path: Path, text: str, key: str, hint: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, text)

    assert caught.value.code == "settings_unknown_key"
    assert caught.value.values["key"] == key
    assert hint in i18n.explain(caught.value)


@pytest.mark.parametrize(
    ("text", "key", "why"),
    [
        (LINK + "baud = 'fast'\n", "link[0].baud", "must be a whole number, not text in quotes"),
        (LINK + "baud = 1.5\n", "link[0].baud", "must be a whole number, not a number"),
        (LINK.replace("port", "baud = 1 #"), "link[0].port", "is missing"),
        (LINK.replace("kind", "baud = 1 #"), "link[0].kind", "is missing"),
        (LINK + LINK.replace("name", "nmae"), "link[1].name", "is missing"),
        (LINK.replace("sat", "two words"), "link[0].name", "not allowed"),
        (LINK + LINK, "link[1].name", "another link already"),
        ("language = 'de'\n", "language", "not allowed"),
        ("language = 3\n", "language", "must be text in quotes, not a whole number"),
        ("log_level = 'loud'\n", "log_level", "not allowed"),
        ("link = 3\n", "link", "must be a list, not a whole number"),
        ("link = [3]\n", "link[0]", "must be a table"),
        ("link = [" + "{}," * 33 + "]\n", "link", "not allowed"),
        (LINK + "price = { credit_micros = -1 }\n", "link[0].price.credit_micros", "0 or more"),
        (LINK + "price = { currency = 'euro' }\n", "link[0].price.currency", "not allowed"),
    ],
)
def test_a_wrong_value_is_named_with_the_reason(
    tmp_path: Path, text: str, key: str, why: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, text)

    assert caught.value.code == "settings_wrong_value"
    assert caught.value.values["key"] == key
    assert why in i18n.explain(caught.value)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("language = 'fr'\nname = \n", 2),
        ("a = 1\na = 2\n", 2),
        (b"name = 'x'\n# \xff\n", 2),
        ("x = [", 1),
        ("x = " + "9" * 5000 + "\n", 2),
        ("x = " + "[" * 60_000 + "\n", 1),
        ("# ok" + "." * 999 + "\nlog_level = 'info'\n" + "a." * 30_000 + "a = 1\n", 3),
    ],
    ids=["no value", "twice", "no UTF-8", "open list", "giant number", "deep nest", "deep key"],
)
def test_what_is_no_settings_file_is_told_with_its_line(
    tmp_path: Path, text: str | bytes, line: int
) -> None:
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, text)

    assert caught.value.code == "settings_syntax"
    assert caught.value.values["line"] == line
    assert "at line" in i18n.explain(caught.value)


@pytest.mark.parametrize(
    ("kind", "code", "shown"),
    [("owl", "link_kind_unknown", "pigeon, smoke"), ("broken", "link_kind_broken", "wings")],
)
def test_a_kind_of_link_that_cannot_be_had(
    tmp_path: Path, kind: str, code: str, shown: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, LINK.replace("pigeon", kind))

    assert caught.value.code == code
    assert shown in i18n.explain(caught.value)


def test_an_unknown_kind_is_told_with_those_that_are_installed(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(LINK)

    with pytest.raises(SettingsError) as caught:
        load(tmp_path)

    assert caught.value.code == "link_kind_unknown"
    assert "sbd" in i18n.explain(caught.value)


def test_no_home_no_file_and_no_end_of_a_file_are_three_things(tmp_path: Path) -> None:
    with pytest.raises(CrisiskitError) as no_home:
        load(tmp_path / "nowhere")
    with pytest.raises(SettingsError) as no_file:
        load(tmp_path)
    with pytest.raises(SettingsError) as no_end:
        read(tmp_path, "#" * 300_000)

    assert [error.value.code for error in (no_home, no_file, no_end)] == [
        "home_missing",
        "settings_not_found",
        "file_too_large",
    ]


def test_a_folder_in_place_of_the_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").mkdir()

    with pytest.raises(SettingsError) as caught:
        load(tmp_path)

    assert caught.value.code == "file_unreadable"


@given(st.text(alphabet="[]{}=\"'.,#\n linkamepoc0123456789", max_size=200))
def test_any_text_is_settings_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    home = tmp_path_factory.getbasetemp()

    try:
        read(home, text)
    except CrisiskitError as error:
        assert error.code in sentences.ERRORS


# -- where it lives --------------------------------------------------------------------------


def test_the_home_is_the_option_then_the_variable_then_the_platforms(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CRISISKIT_HOME", str(tmp_path / "variable"))
    assert home_dir(tmp_path / "option") == tmp_path / "option"
    assert home_dir() == tmp_path / "variable"

    monkeypatch.setenv("CRISISKIT_HOME", "")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert home_dir().name == "crisiskit"


def test_a_home_may_be_named_with_a_tilde(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))

    assert home_dir("~/kit") == tmp_path / "kit"


# -- what it costs ---------------------------------------------------------------------------


def test_hours_budget_and_patience_are_taken_as_meant(tmp_path: Path) -> None:
    text = (
        '[planner]\nroutine_patience = "1h30"\npriority_patience = "0"\n'
        + LINK
        + 'hours = ["06:00-12:00", "22:00-02:00"]\nbudget = {credits = 100, money = 2.5}\n'
    )
    settings = read(tmp_path, text)
    assert settings.patience == Patience(5400, 0)
    assert str(settings.links[0].hours) == "06:00-12:00, 22:00-02:00"
    assert settings.links[0].budget == LinkBudget(credits=100, money=2.5)


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('hours = "6 to 8"', "link[0].hours"),
        ('hours = ["06:00-08:00", "x"]', "link[0].hours"),
        ("hours = 6", "link[0].hours"),
        ("budget = {credits = 0}", "link[0].budget.credits"),
        ("budget = {euros = 1}", "link[0].budget"),
        ('[planner]\nroutine_patience = "soon"', "planner.routine_patience"),
        ('[planner]\npriority_patience = "9d"', "planner.priority_patience"),
    ],
)
def test_what_is_no_hours_budget_or_patience_is_named(tmp_path: Path, line: str, key: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, LINK + line + "\n")
    assert key in i18n.explain(caught.value)


def test_writing_a_message_imports_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(LINK)
    program = (
        "import sys; from pathlib import Path\n"
        "from crisiskit import compose, i18n, settings\n"
        f"settings.load(Path({str(tmp_path)!r}), links=False)\n"
        "compose.compose_text('words'); compose.compose_form('sitrep', {'injured': '3'}, 0)\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))\n"
    )

    shown = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[1],
        env={**os.environ, "LANG": "C"},
    )

    heavy = {"asyncio", "babel", "cryptography", "serial", "sqlite3", "textual", "zstandard"}
    assert heavy.isdisjoint(shown.stdout.split())
    assert "transports" not in shown.stdout.split()


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ('call = "KIT1"\ntcp = "127.0.0.1:8001"', "“link[0].call” must be an amateur's call sign"),
        ('call = "F4XYZ"', "“link[0].port” or else “tcp” must say"),
    ],
)
def test_a_link_that_does_not_fit_together_says_which_key(
    tmp_path: Path, table: str, sentence: str
) -> None:
    (tmp_path / "settings.toml").write_text(f'[[link]]\nname = "vhf"\nkind = "ax25"\n{table}\n')
    with pytest.raises(SettingsError) as caught:
        load(tmp_path)
    assert sentence in i18n.explain(caught.value)
