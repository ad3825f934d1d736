"""A hundred kilobytes go from a played 9704 to whoever plays the provider, and back."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from hardware.imt import open_modem
from hardware.imt_options import Memory, Options
from hardware.sim.core9704 import Nature9704
from hardware.sim.imt_cloud import ImtCloud
from hardware.sim.modem9704 import PlayedModem9704
from hardware.sim.uplink import Uplink

NATURE = Nature9704(
    latency_s=0.02, rate_bytes_s=1e7, boot_s=0.0, line_bytes_s=1e7, answer_s=20.0, sky_s=0.1
)
PHOTO = random.Random(1).randbytes(100_000)


class Above:
    """Hears the driver."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []

    def message(self, payload: bytes) -> None:
        self.messages.append(payload)

    def changed(self) -> None:
        pass

    def sent_late(self, payload_bytes: int) -> None:
        raise AssertionError("all was told")


@asynccontextmanager
async def serving(cloud: ImtCloud) -> AsyncIterator[None]:
    task = asyncio.create_task(cloud.run())
    await asyncio.wait_for(cloud.ready.wait(), 20)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_photo_out_and_back_and_again_after_a_restart_of_the_cloud(tmp_path: Path) -> None:
    got: list[tuple[str, bytes, int]] = []
    cloud = ImtCloud(lambda *told: got.append(told), spool=tmp_path / "spool")
    above = Above()
    async with serving(cloud):
        uplink = Uplink("127.0.0.1", cloud.modem_port)
        async with (
            PlayedModem9704(tmp_path / "imt0", uplink, NATURE) as played,
            open_modem(str(played.path), Options(), Memory(), above) as modem,
        ):
            await modem.send(PHOTO, 60)
            assert got == [(NATURE.imei, PHOTO, 244)]
            assert not cloud.put("300258069999999", b"nobody")
            assert not cloud.put(NATURE.imei, bytes(100_001))
            assert cloud.put(NATURE.imei, PHOTO[::-1])
            async with asyncio.timeout(30):
                while not above.messages:
                    await asyncio.sleep(0.01)
        assert above.messages == [PHOTO[::-1]]
        assert cloud.waiting(NATURE.imei) == 0
        assert cloud.put(NATURE.imei, b"kept")
    again = ImtCloud(lambda *_told: None, spool=tmp_path / "spool")
    assert again.waiting(NATURE.imei) == 1
