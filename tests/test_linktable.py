"""A link's table: every kind says itself what it needs; what stood in the file stays."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisiskit import enrolment, linktable
from crisiskit.devicewords import all_kinds, key_words, kind_words, kinds_for
from crisiskit.errors import CrisiskitError, SettingsError, UsageError
from crisiskit.i18n import set_language
from crisiskit.sentences.devices import KEYS, KINDS, ROLES
from crisiskit.settings import load
from hardware.candidates import Candidate, Role, Trust
from transports.catalog import BUILT_IN, find, names

KEPT = b"""# Ours, do not touch.
language = "fr"   # or "en"

[[link]] # the cable
name = "lan"
kind = "tcp-listen"
port = 0"""


class Stranger:
    """A kind of link by somebody else."""

    class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
        """``loft``: where the birds live. ``birds`` fly at once, ``names`` are theirs."""

        loft: Annotated[str, msgspec.Meta(min_length=1)]
        birds: int = 2
        names: tuple[str, ...] = ()
        by_night: bool = False

    kind = "pigeon"
    asks = ("birds", "no_such_key")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    found = tmp_path / "home"
    enrolment.create_center(found, "Test", exercise=False)
    (found / "settings.toml").write_bytes(KEPT)
    return found


# -- kinds describe themselves ---------------------------------------------------------------


@pytest.mark.parametrize("kind", sorted(BUILT_IN))
def test_each_kind_says_what_it_needs(kind: str) -> None:
    found = find(kind)
    keys, asked = linktable.keys_of(found), linktable.asked_keys(found)
    assert {key.name for key in keys.values() if key.required} <= {key.name for key in asked}
    assert set(getattr(found, "asks", ())) <= set(keys), "asks for a key that it does not have"
    assert set(getattr(found, "devices", ())) <= set(Role)
    assert bool(getattr(found, "devices", ())) == any(key.device for key in keys.values())


@pytest.mark.parametrize("kind", sorted(BUILT_IN))
@pytest.mark.parametrize("lang", ["en", "fr"])
def test_each_kind_and_each_question_has_its_words(kind: str, lang: str) -> None:
    set_language(lang)
    try:
        assert kind in KINDS and kind_words(kind)
        for key in linktable.asked_keys(find(kind)):
            assert key.device or f"{kind}.{key.name}" in KEYS or key.name in KEYS, key.name
            assert key_words(kind, key) != key.name
    finally:
        set_language()


def test_no_words_are_left_of_a_kind_or_key_that_is_gone() -> None:
    assert set(KINDS) <= set(names())
    asked = {key.name for kind in BUILT_IN for key in linktable.asked_keys(find(kind))}
    assert {name.rpartition(".")[2] for name in KEYS} <= asked
    assert set(ROLES) == set(Role)


def test_a_stranger_is_asked_for_by_its_own_docstring() -> None:
    loft, birds = linktable.asked_keys(Stranger())  # type: ignore[arg-type]
    assert (loft.name, loft.required, birds.name, birds.default) == ("loft", True, "birds", 2)
    assert key_words("pigeon", loft) == "loft (``loft``: where the birds live.)"


def test_kinds_that_fit_a_device_are_found_by_its_role() -> None:
    def fitting(*roles: Role) -> list[str]:
        return kinds_for([Candidate(role, Trust.LIKELY, "usb_id") for role in roles], all_kinds())

    assert fitting(Role.SBD) == ["sbd"] and fitting(Role.IMT, Role.TNC) == ["imt", "ax25"]
    assert fitting(Role.GSM) == ["sms"] and fitting(Role.GPS) == []


# -- what is typed ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "pair", "value"),
    [
        ("tcp", "port=7411", 7411),
        ("tcp", "host=192.0.2.10", "192.0.2.10"),
        ("tcp", "host=10", "10"),
        ("tcp", "free_on=wlan*,eth0", ["wlan*", "eth0"]),
        ("tcp", 'free_on=["wlan*"]', ["wlan*"]),
        ("tcp", "rate_bit_s=9600.5", 9600.5),
        ("tcp", "hours=06:00-22:00", "06:00-22:00"),
        ("tcp", "price.currency=USD", {"currency": "USD"}),
        ("tcp", "price.byte_micros=5", {"byte_micros": 5}),
        ("tcp", "clear=true", True),
        ("sbd", "incoming=hold", "hold"),
        ("sbd", "flow_control=true", True),
        ("sbd", "baud=fast", "fast"),
        ("cloudloop", "network=imt", "imt"),
        ("sms", "center=+33612345678", "+33612345678"),
    ],
)
def test_typed_words_become_what_the_key_wants(kind: str, pair: str, value: object) -> None:
    key = pair.partition("=")[0].partition(".")[0]
    assert linktable.read_pairs(find(kind), [pair]) == {key: value}


def test_two_parts_of_one_table_come_together() -> None:
    pairs = ["price.credit_micros=60000", "price.currency=USD"]
    values = linktable.read_pairs(find("sbd"), pairs)
    assert values == {"price": {"credit_micros": 60000, "currency": "USD"}}
    text = linktable.table_text("sat", "sbd", values)
    assert 'price = { credit_micros = 60000, currency = "USD" }' in text


@pytest.mark.parametrize(
    ("pairs", "code"),
    [
        (["port"], "link_pair"),
        (["=7"], "link_pair"),
        (["a.b.c=7"], "link_pair"),
        (["x]\n[y=7"], "link_pair"),
        (["port=1", "port=2"], "link_pair_twice"),
        (["price=1", "price.currency=EUR"], "link_pair_twice"),
    ],
)
def test_what_is_no_setting_is_told(pairs: list[str], code: str) -> None:
    with pytest.raises(UsageError) as error:
        linktable.read_pairs(find("tcp"), pairs)
    assert error.value.code == code and error.value.exit_status == 2


@given(st.text(max_size=60), st.lists(st.text(max_size=20), max_size=3))
def test_any_words_survive_the_file(text: str, many: list[str]) -> None:
    table = linktable.table_text("x", "tcp", {"host": text, "free_on": many})
    read = tomllib.loads(table)["link"][0]
    assert (read["host"], read["free_on"]) == (text, many)


# -- writing ---------------------------------------------------------------------------------


def test_what_stood_there_stays_and_the_old_file_is_kept(home: Path) -> None:
    (home / "settings.toml").chmod(0o640)
    added = linktable.add(home, "wan", "tcp", {"host": "192.0.2.1", "port": 7})
    written = added.path.read_bytes()
    assert written == KEPT + b"\n\n" + added.text.encode()
    assert added.backup.read_bytes() == KEPT
    assert added.path.stat().st_mode & 0o777 == added.backup.stat().st_mode & 0o777 == 0o640
    assert [link.name for link in load(home).links] == ["lan", "wan"]


@pytest.mark.parametrize(
    ("name", "kind", "values", "code", "key"),
    [
        ("lan", "tcp", {"port": 7}, "settings_wrong_value", "name"),
        ("bad name", "tcp", {"port": 7}, "settings_wrong_value", "name"),
        ("w", "tcp", {}, "settings_wrong_value", "port"),
        ("w", "tcp", {"port": "x"}, "settings_wrong_value", "port"),
        ("w", "tcp", {"port": 7, "hots": "h"}, "settings_unknown_key", "hots"),
        ("w", "tcp", {"port": 7, "price": {"x": 1}}, "settings_unknown_key", "price.x"),
        ("w", "telepathy", {}, "link_kind_unknown", None),
        ("w", "ax25", {"call": "F4XYZ", "tcp": "127.0.0.1:1"}, "clear_link", None),
    ],
)
def test_what_could_not_be_used_is_not_written(
    home: Path, name: str, kind: str, values: dict[str, object], code: str, key: str | None
) -> None:
    with pytest.raises(SettingsError) as error:
        linktable.add(home, name, kind, values)
    assert (error.value.code, error.value.values.get("key")) == (code, key)
    assert (home / "settings.toml").read_bytes() == KEPT
    assert sorted(path.name for path in home.glob("settings*")) == ["settings.toml"]


def test_a_file_that_is_wrong_already_is_told_as_such(home: Path) -> None:
    (home / "settings.toml").write_text("languag = 1\n")
    with pytest.raises(SettingsError) as error:
        linktable.add(home, "w", "tcp", {"port": 7})
    assert error.value.values["path"] == home / "settings.toml"
    assert error.value.values["key"] == "languag"


def test_a_change_by_somebody_else_is_not_lost(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right = linktable.checked

    def slow(place: Path, text: str) -> bytes:
        new = right(place, text)
        (home / "settings.toml").write_bytes(b"# mine\n" + KEPT)
        return new

    monkeypatch.setattr(linktable, "checked", slow)
    with pytest.raises(CrisiskitError, match="settings_changed"):
        linktable.add(home, "w", "tcp", {"port": 7})
    assert (home / "settings.toml").read_bytes() == b"# mine\n" + KEPT


def test_a_file_behind_a_link_stays_where_it_is(home: Path, tmp_path: Path) -> None:
    real = tmp_path / "real.toml"
    (home / "settings.toml").rename(real)
    (home / "settings.toml").symlink_to(real)
    linktable.add(home, "w", "tcp", {"port": 7})
    assert (home / "settings.toml").is_symlink() and b'"w"' in real.read_bytes()


def test_names_are_found_that_nobody_has(home: Path) -> None:
    assert linktable.free_name(home, "tcp") == "tcp"
    assert linktable.free_name(home, "lan") == "lan-2"
