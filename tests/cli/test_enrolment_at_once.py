"""Several enrolments at one moment: each kit has a number and a name of its own."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from crisiskit import enrolment
from crisiskit.errors import CrisiskitError
from crisiskit.store.store import NewPairing


def kits(home: Path) -> list[str]:
    with sqlite3.connect(home / "store.db") as db:
        return [row[0] for row in db.execute("SELECT name FROM pairing ORDER BY kit_number")]


def at_once(center: Path, requests: list[bytes], monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Enrol these from as many threads: the kit number of each, or the code of its refusal."""
    start, pairing_of = Barrier(len(requests)), enrolment._pairing

    def together(*parts: Any) -> NewPairing:
        start.wait(30)
        return pairing_of(*parts)

    def result(request: bytes) -> object:
        try:
            return enrolment.enrol(center, request)[1]
        except CrisiskitError as error:
            return error.code

    monkeypatch.setattr(enrolment, "_pairing", together)
    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(result, requests))


def request_of(made: Path, home: Path, name: str) -> bytes:
    enrolment.create_kit(home, name, (made / "center" / "network.ckcn").read_bytes())
    return enrolment.make_request(home)


def test_kits_enrolled_at_once_get_numbers_of_their_own(
    made: Path, center: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = [request_of(made, tmp_path / f"k{n}", f"Echo-{n}") for n in range(8)]
    numbers = at_once(center, requests, monkeypatch)
    assert set(numbers) == set(range(2, 10))


def test_a_name_enrolled_twice_at_once_is_admitted_once(
    made: Path, center: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("Echo", "ECHO", "echo", "Echo")
    requests = [request_of(made, tmp_path / f"k{n}", name) for n, name in enumerate(names)]
    results = at_once(center, requests, monkeypatch)
    assert sorted(map(str, results)) == ["2"] + ["enrol_name_taken"] * 3
    assert len(kits(center)) == 2


def test_one_request_enrolled_twice_at_once_is_one_kit(
    made: Path, center: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = [request_of(made, tmp_path / "k", "Echo")] * 4
    assert at_once(center, requests, monkeypatch) == [2, 2, 2, 2]
    assert kits(center) == ["Delta-2", "Echo"]
