"""How every command ends, and that each explains itself."""

from __future__ import annotations

import gettext
import importlib.util
import io
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from crisiskit import i18n
from crisiskit.cli import clickwords, groups, main, messages
from crisiskit.errors import BusyError, CrisiskitError, TrustError, UsageError

Call = Callable[..., tuple[int, str, str]]


def commands(group: groups.LazyGroup, *path: str) -> Iterator[tuple[str, ...]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        yield (*path, name)
        command = group.get_command(context, name)
        if isinstance(command, groups.LazyGroup):
            yield from commands(command, *path, name)


ALL = [(), *commands(main.cli)]


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_has_help_with_an_example(call: Call, path: tuple[str, ...]) -> None:
    status, out, err = call(*path, "--help")
    assert (status, err) == (0, "")
    assert f"\n  Examples:\n    {'crisiskit'}" in out
    assert " ".join(("crisiskit", *path)) in out.split("Examples:")[1]


def test_what_an_installation_keeps_can_be_elsewhere_for_every_command(call: Call) -> None:
    groups = {"kit", "center", "log", "simulate", "", "center duty", "center root"}
    groups |= {"center bundle", "center quarantine", "order", "sms", "link"}
    without = {
        "demo",
        "simulate modem",
        "simulate gateway",
        "simulate sms",
        "simulate tnc",
        "log verify",
    } | groups
    without |= {"center root new", "center root sign"}
    for path in ALL:
        if " ".join(path) not in without:
            assert "--home DIR" in call(*path, "--help")[1], path


def test_the_home_can_come_from_the_environment(
    call: Call, kit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRISISKIT_HOME", str(kit))
    assert call("send", "x")[0] == 0
    assert call("list")[1].count("\n") == 1


@pytest.mark.parametrize("words", [("nosuch",), ("kit", "nosuch"), ("--nosuch",), ("show",)])
def test_wrong_usage_is_2(call: Call, words: tuple[str, ...]) -> None:
    status, out, err = call(*words)
    assert (status, out) == (2, "")
    assert "Error: " in err


@pytest.mark.parametrize(
    ("trouble", "status"),
    [
        (CrisiskitError("cancel_too_late"), 1),
        (UsageError("text_empty"), 2),
        (TrustError("enrol_damaged"), 3),
        (BusyError("agent_running"), 75),
        (PermissionError(13, "Permission denied", "/x"), 1),
        (OSError(28, "No space left on device", "/x"), 1),
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
    ],
)
def test_trouble_is_a_sentence_and_a_status(
    call: Call, kit: Path, monkeypatch: pytest.MonkeyPatch, trouble: BaseException, status: int
) -> None:
    def fail(_home: Path) -> None:
        raise trouble

    monkeypatch.setattr(messages, "reading", fail)
    found, out, err = call("list", "--home", kit)
    assert (found, out) == (status, "")
    assert "Traceback" not in err
    assert err.startswith("crisiskit: ") or status == 130


def test_a_bug_keeps_its_traceback(call: Call, kit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_home: Path) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(messages, "reading", fail)
    with pytest.raises(ZeroDivisionError):
        call("list", "--home", kit)


def test_every_word_of_click_that_we_translate_is_still_one_of_its_words() -> None:
    spec = importlib.util.find_spec("click")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    folder = Path(spec.submodule_search_locations[0])
    source = "".join(path.read_text("utf-8") for path in folder.glob("*.py"))
    for word in (*clickwords.WORDS, *clickwords.PLURALS):
        assert repr(word)[1:-1] in source.replace('\\"', '"') or word in source, word


def test_click_speaks_the_language_of_the_reader(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = b"""msgid ""
msgstr "Content-Type: text/plain; charset=UTF-8\\n"

msgid "Error: {message}"
msgstr "Erreur : {message}"

msgid "No such command {name!r}."
msgstr "Il n\xe2\x80\x99y a pas de commande {name!r}."
"""
    folder = tmp_path / "fr" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    with (folder / "crisiskit.mo").open("wb") as file:
        write_mo(file, read_po(io.BytesIO(catalog), locale="fr"))
    monkeypatch.setattr(main, "LOCALES", tmp_path)
    monkeypatch.setenv("CRISISKIT_LANG", "fr")
    i18n.set_language()
    try:
        status, _out, err = call("nosuch")
        assert (status, "Erreur : Il n’y a pas de commande 'nosuch'." in err) == (2, True)
    finally:
        gettext.bindtextdomain(i18n.DOMAIN, str(i18n.LOCALES))
