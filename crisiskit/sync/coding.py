"""Which codecs an envelope's texts are tried with: the shortest, or the one that is done in time.

The text model takes about 8 ms for a text at either end and saves 20 bytes of what deflate
makes of it (docs/benchmarks.md). On a free line that carries those 20 bytes in less, many texts
are there sooner without it. A few texts wait for nobody: they are made as short as can be, since
they may have to be repeated on a link where bytes are dear.
"""

from __future__ import annotations

from crisiskit.codec.shortest import ALL_CODECS, QUICK_CODECS, Codec
from transports.link import Traits

MODEL_S = 0.008
MODEL_SAVES_BYTES = 20
FEW_TEXTS = 8


def codecs_for(traits: Traits, waiting: int) -> frozenset[Codec]:
    """The codecs for an envelope on such a link while ``waiting`` records wait for it."""
    wide = traits.rate_bytes_s * MODEL_S > MODEL_SAVES_BYTES
    return QUICK_CODECS if wide and not traits.metered and waiting > FEW_TEXTS else ALL_CODECS
