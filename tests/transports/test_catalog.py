"""Kinds of link are found by name, and nothing is imported before it is asked for."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint, EntryPoints

import pytest

from transports import catalog
from transports.catalog import UnknownKind, find, names


class Pigeon:
    """A kind of link by somebody else."""

    kind = "pigeon"


loft = Pigeon()


def test_our_kinds_are_known_without_installation() -> None:
    assert {"directip", "sbd", "serial", "tcp", "tcp-listen"} <= set(names())


@pytest.mark.parametrize("kind", ["tcp", "tcp-listen", "serial", "directip"])
def test_a_kind_is_found_by_its_name(kind: str) -> None:
    found = find(kind)
    assert found.kind == kind
    assert found.Settings.__struct_config__.forbid_unknown_fields
    assert found.Settings.__struct_config__.frozen


def test_an_unknown_kind_names_the_known_ones() -> None:
    with pytest.raises(UnknownKind) as unknown:
        find("telepathy")
    assert unknown.value.known == names()
    assert "telepathy" in str(unknown.value)
    assert "tcp-listen" in str(unknown.value)
    assert isinstance(unknown.value, KeyError)


@pytest.mark.parametrize("name", ["Pigeon", "loft"])
def test_a_stranger_enters_by_its_entry_point(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    entry = EntryPoint("pigeon", f"{__name__}:{name}", catalog.GROUP)
    monkeypatch.setattr(catalog, "entry_points", lambda **by: EntryPoints([entry]).select(**by))
    assert "pigeon" in names()
    assert find("pigeon").kind == "pigeon"


def test_a_stranger_does_not_take_the_place_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("tcp", f"{__name__}:Pigeon", catalog.GROUP)
    monkeypatch.setattr(catalog, "entry_points", lambda **by: EntryPoints([entry]).select(**by))
    assert find("tcp").kind == "tcp"


def test_only_the_kind_asked_for_is_imported() -> None:
    program = """if True:
        import sys
        from transports.catalog import find, names
        names()
        assert not {"transports.tcp", "transports.serial", "serial"} & set(sys.modules)
        find("tcp")
        assert "transports.tcp" in sys.modules
        assert not {"transports.serial", "transports.directip", "serial"} & set(sys.modules)
    """
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)
