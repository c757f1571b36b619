"""Asks services by HTTP whether they are well.

Only a node with such checks imports this: the client, aiohttp, costs it 15 MiB.
"""

from __future__ import annotations

import asyncio

import aiohttp

from constellation.monitor.static_check import failure_of, http_status_failure, no_answer
from constellation.settings.monitor import StaticService


class HttpChecks:
    """The client of all HTTP checks.  Close it."""

    def __init__(self) -> None:
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        self._session = aiohttp.ClientSession(connector=connector)

    async def check(self, service: StaticService) -> str | None:
        """Ask `service` once; return why it failed, or None if it passed."""
        url = f"http://{service.address}{service.path}"
        try:
            async with (
                asyncio.timeout(service.timeout_s),
                self._session.get(url, allow_redirects=False) as response,
            ):
                return http_status_failure(response.status)
        except TimeoutError:
            return no_answer(service.timeout_s)
        except (OSError, aiohttp.ClientError, ValueError) as error:
            return _failure(error)

    async def close(self) -> None:
        """Close the client."""
        await self._session.close()


def _failure(error: Exception) -> str:
    match error:
        case aiohttp.ClientConnectorError():
            return failure_of(error.os_error)
        case aiohttp.ServerDisconnectedError():
            return failure_of(ConnectionResetError())
        case aiohttp.ClientResponseError():
            return "the answer is not HTTP"
        case _:
            return failure_of(error)
