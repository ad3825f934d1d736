"""The model of a disk forgets and mixes up what was not synced, and nothing else."""

from __future__ import annotations

from random import Random

from crisiskit.sim.disk import Create, Delete, Disk, FailedSync, Operation, Sync, Truncate, Write


def outcomes(disk: Disk, name: str = "f") -> set[bytes | None]:
    return {disk.cut(Random(seed)).get(name) for seed in range(200)}


def played(*operations: Operation, **files: bytes) -> Disk:
    disk = Disk(files)
    for operation in operations:
        disk.play(operation)
    return disk


def test_what_was_synced_stays_and_the_rest_may_go() -> None:
    disk = played(Write("f", 0, b"old"), Sync("f", False), Write("f", 0, b"new"), f=b"")
    assert outcomes(disk) >= {b"old", b"new"}
    assert all(found is not None and len(found) == 3 for found in outcomes(disk))


def test_sectors_arrive_in_any_order_and_in_part() -> None:
    found = outcomes(played(Write("f", 0, b"a" * 512 + b"b" * 512), f=bytes(1024)))
    first_only, second_only = b"a" * 512 + bytes(512), bytes(512) + b"b" * 512
    assert found >= {first_only, second_only, bytes(1024)}
    assert any(part and 0 < part.count(b"a") < 512 for part in found)


def test_a_truncate_may_be_undone_until_synced() -> None:
    assert outcomes(played(Truncate("f", 0), f=b"x")) == {b"x", b""}
    assert outcomes(played(Truncate("f", 0), Sync("f", False), f=b"x")) == {b""}


def test_a_sync_that_failed_may_have_forgotten_for_good() -> None:
    operations = (Write("f", 0, b"new"), FailedSync("f"), Sync("f", False))
    assert outcomes(played(*operations, f=b"old")) == {b"old"}


def test_a_name_is_certain_once_its_folder_was_synced() -> None:
    made = (Create("f"), Write("f", 0, b"x"), Sync("f", False))
    assert outcomes(played(*made)) == {None, b"x"}
    assert outcomes(played(*made[:-1], Sync("f", True))) == {b"x"}
    assert outcomes(played(Delete("f", False), f=b"x")) == {None, b"x"}
    assert outcomes(played(Delete("f", True), f=b"x")) == {None}
    again = (Delete("f", False), Create("f"), Write("f", 0, b"y"), Sync("f", False))
    assert outcomes(played(*again, f=b"x")) == {None, b"x", b"y"}
