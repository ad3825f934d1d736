"""What every test may ask for."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from typing import Any

import pytest

SYSTEM_PLACES = "/usr/sbin:/sbin:/usr/bin:/bin"
FAULT_DAY = "fault day"


def pytest_addoption(parser: pytest.Parser) -> None:
    """``make fault-days`` asks for the table."""
    parser.addoption("--fault-days", action="store_true", help="print what each day came to")


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """A line for each day of a played device."""
    if not config.getoption("--fault-days"):
        return
    columns: list[str] = []
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, (device, script, figures) in report.user_properties:
            if name != FAULT_DAY:
                continue
            if [*figures] != columns:
                columns = [*figures]
                words = "".join(f"{column:>11}" for column in columns)
                terminalreporter.write_line(f"\n{'':6}{'script':20}{words}  result")
            words = "".join(f"{number:>11}" for number in figures.values())
            result = f"{report.outcome} in {report.duration:.1f} s"
            terminalreporter.write_line(f"{device:6}{script:20}{words}  {result}")


@pytest.fixture
def fault_day(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Tell the figures of a day: the device, the script, then numbers by their names."""

    def tell(device: str, script: str, **figures: int) -> None:
        record_property(FAULT_DAY, (device, script, figures))

    return tell


@pytest.fixture
def real() -> Callable[[str], str]:
    """The path of a real program that a test plays with, like ``direwolf`` or ``gpsd``.

    Where it is missing the test is skipped with what to install; with CRISISKIT_TEST_PARTS=all
    it fails, so that the project's own checks never pass without them.
    """

    def find(program: str) -> str:
        found = shutil.which(program) or shutil.which(program, path=SYSTEM_PLACES)
        if found:
            return found
        why = f"{program} is not installed: run packaging/test_parts.sh"
        if os.environ.get("CRISISKIT_TEST_PARTS") == "all":
            pytest.fail(why)
        pytest.skip(why)

    return find
