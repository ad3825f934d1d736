"""The start-up test passes here and names the primitive that fails elsewhere."""

from __future__ import annotations

import pytest

from crisiskit.crypto import selfcheck
from crisiskit.errors import TrustError


def broken() -> bool:
    raise RuntimeError("this build lacks it")


def test_every_primitive_works_here() -> None:
    selfcheck.self_check()


@pytest.mark.parametrize("name", list(selfcheck._CHECKS))
@pytest.mark.parametrize("check", [broken, lambda: False])
def test_a_primitive_that_fails_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, check: object
) -> None:
    monkeypatch.setitem(selfcheck._CHECKS, name, check)
    with pytest.raises(TrustError) as refused:
        selfcheck.self_check()
    assert refused.value.code == "crypto_unusable"
    assert refused.value.values == {"primitive": name}
