"""Every door for outside bytes gives a value or its own refusal, and writes what it reads."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crisiskit.codec.reject import Rejected
from crisiskit.errors import SettingsError
from crisiskit.settings import FILE_NAME, load
from crisiskit.sim.fuzz.decoder import Decoder, accepts, complaint
from crisiskit.sim.fuzz.decoders import all_decoders, disturbed
from crisiskit.sim.fuzz.mutate import scramble

PLACE = TemporaryDirectory()
DECODERS = all_decoders(Path(PLACE.name))
EACH = pytest.mark.parametrize("decoder", [pytest.param(one, id=one.name) for one in DECODERS])
QUICK = [one for one in DECODERS if one.name != "iridium modem"]
SLOW = ("iridium modem", "content")
CALM = settings(deadline=None, suppress_health_check=list(HealthCheck))
INPUTS = 150
INPUTS_SLOW = 25
PEAK_BYTES_MAX = 16 << 20


def some(decoder: Decoder, seed: int) -> list[bytes]:
    rng = random.Random(seed)
    count = INPUTS_SLOW if decoder.name in SLOW else INPUTS
    return [disturbed(decoder, rng) for _ in range(count)]


@EACH
def test_valid_bytes_are_taken_and_written_again(decoder: Decoder) -> None:
    for sample in decoder.samples:
        assert accepts(decoder, sample), sample
        assert complaint(decoder, sample) == ""


@EACH
def test_an_outer_check_is_right_where_nothing_was_changed(decoder: Decoder) -> None:
    if decoder.name != "settings":  # that one puts hostile values instead
        assert all(accepts(decoder, decoder.seal(sample)) for sample in decoder.samples)


@pytest.mark.parametrize("decoder", [pytest.param(one, id=one.name) for one in QUICK])
def test_noise_is_a_value_or_refused(decoder: Decoder) -> None:
    @settings(CALM, max_examples=40)
    @given(st.binary(max_size=300))
    def holds(data: bytes) -> None:
        assert complaint(decoder, data) == ""
        assert complaint(decoder, decoder.seal(data)) == ""

    holds()


@pytest.mark.parametrize("decoder", [pytest.param(one, id=one.name) for one in QUICK])
def test_changed_bytes_are_a_value_or_refused(decoder: Decoder) -> None:
    @settings(CALM, max_examples=60)
    @given(st.sampled_from(decoder.samples), st.integers(0, 1 << 32), st.booleans())
    def holds(sample: bytes, seed: int, sealed: bool) -> None:
        data = scramble(random.Random(seed), sample, decoder.samples)
        assert complaint(decoder, decoder.seal(data) if sealed else data) == ""

    holds()


@EACH
def test_a_seed_gives_the_same_inputs_and_none_of_them_a_complaint(decoder: Decoder) -> None:
    inputs = some(decoder, 5)

    assert inputs == some(decoder, 5)
    assert [found for data in inputs if (found := complaint(decoder, data))] == []


@EACH
def test_memory_stays_small(decoder: Decoder) -> None:
    inputs = some(decoder, 6)
    tracemalloc.start()
    for data in inputs:
        complaint(decoder, data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < PEAK_BYTES_MAX


# -- the harness can fail --------------------------------------------------------------------


def refuse(_data: bytes) -> object:
    raise KeyError("not documented")


@pytest.mark.parametrize(
    ("decode", "words"),
    [
        (refuse, "KeyError"),
        (lambda data: data.lower(), "is written as"),
        (lambda _data: Rejected, "cannot be written again"),
    ],
)
def test_the_harness_sees_a_decoder_that_is_wrong(
    decode: Callable[[bytes], object], words: str
) -> None:
    decoder = Decoder("wrong", (b"A",), decode, (ValueError,), again=bytes, canonical=True)

    assert words in complaint(decoder, b"A")
    assert complaint(replace(decoder, errors=(KeyError,), decode=bytes), b"A") == ""


# -- found by it -----------------------------------------------------------------------------

LINK = {
    "tcp": 'host = "h"\nport = 1\n',
    "tcp-listen": "port = 1\n",
    "serial": 'port = "/dev/x"\n',
    "sbd": 'port = "/dev/x"\n',
    "directip": 'port = 1\ngateway_host = "h"\ngateway_port = 2\n',
}


@pytest.mark.parametrize("value", ["inf", "nan", "1e308", "1e-308", "-inf"])
@pytest.mark.parametrize("kind", LINK)
def test_a_pause_that_no_clock_can_count_is_refused(tmp_path: Path, kind: str, value: str) -> None:
    head = f'[[link]]\nname = "x"\nkind = "{kind}"\n{LINK[kind]}'
    (tmp_path / FILE_NAME).write_text(head)
    assert load(tmp_path).links

    (tmp_path / FILE_NAME).write_text(f"{head}repeat_s = {value}\n")
    with pytest.raises(SettingsError) as refused:
        load(tmp_path)
    assert refused.value.code == "settings_wrong_value"


def test_a_price_that_no_database_can_add_up_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text(
        f'[[link]]\nname = "x"\nkind = "tcp"\n{LINK["tcp"]}'
        "price = { byte_micros = 4_000_000_000_000_000_000 }\n"
    )
    with pytest.raises(SettingsError) as refused:
        load(tmp_path)
    assert refused.value.code == "settings_wrong_value"
