"""What every test may ask for."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

import pytest

SYSTEM_PLACES = "/usr/sbin:/sbin:/usr/bin:/bin"


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
