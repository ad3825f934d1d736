"""HTTP out: one form to a provider's web service, one small answer. Needs aiohttp."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp

from transports.link import LinkError, Trouble
from transports.tls import client_tls

CALL_S_MAX = 30.0
ANSWER_BYTES_MAX = 16_384
RETRY_S = 30.0


class WebCaller:
    """Calls to one web service. Fields go in the body, for addresses end up in logs."""

    def __init__(self, session: aiohttp.ClientSession, ca_file: str) -> None:
        self._session = session
        self._tls = client_tls(None, ca_file or None)

    async def post(self, url: str, fields: Mapping[str, str]) -> tuple[int, bytes]:
        """The status and the body of the answer.

        LinkError NO_SERVICE when none came: nobody knows then whether the call counted.
        UNTRUSTED when the server cannot prove itself.
        """
        try:
            async with self._session.post(
                url, data=dict(fields), ssl=self._tls, allow_redirects=False
            ) as answer:
                return answer.status, await _whole(answer)
        except (aiohttp.ClientSSLError, aiohttp.ServerFingerprintMismatch) as error:
            raise LinkError(Trouble.UNTRUSTED, f"{url}: {error}", RETRY_S) from error
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            why = f"{url}: {type(error).__name__}"
            raise LinkError(Trouble.NO_SERVICE, why, RETRY_S) from error


async def _whole(answer: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for piece in answer.content.iter_any():
        body += piece
        if len(body) > ANSWER_BYTES_MAX:
            raise LinkError(Trouble.NO_SERVICE, "the answer is too long", RETRY_S)
    return bytes(body)


@asynccontextmanager
async def calling(ca_file: str) -> AsyncIterator[WebCaller]:
    """A caller while the context lasts; through the proxy that the environment names, if any."""
    limit = aiohttp.ClientTimeout(total=CALL_S_MAX)
    async with aiohttp.ClientSession(
        timeout=limit, trust_env=True, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        yield WebCaller(session, ca_file)
