"""Addresses whose packets no key here decrypts, or that do not understand what this node sends.

Everyone can send garbage, so only addresses of seeds and members count: there it means that the
keys differ.  A node with an outdated key ring asks for the new one by itself (`GossipKeys`), so
only what lasts is reported.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

LASTS_S = 6.0  # for which it goes on before it is reported
SHOWN_S = 20.0  # after the last sign
ADDRESSES_MAX = 256


@dataclass(slots=True)
class _Sign:
    first_at_s: float
    last_at_s: float
    is_received: bool = False  # its packets do not decrypt here; else: ours not there


class ForeignKeys:
    """The addresses, and what was seen of each."""

    def __init__(self) -> None:
        self._signs: dict[str, _Sign] = {}

    def not_decrypted(self, ip: str, now_s: float) -> None:
        """Note that something from `ip` does not decrypt."""
        self._sign(ip, now_s).is_received = True

    def not_understood(self, ip: str, now_s: float) -> None:
        """Note that `ip` ended an exchange without an answer."""
        self._sign(ip, now_s)

    def understood(self, ip: str) -> None:
        """Note that something from `ip` was decrypted.  Idempotent."""
        self._signs.pop(ip, None)

    def lasting(self, now_s: float, *, expected: Iterable[str]) -> Iterator[tuple[str, bool]]:
        """Yield the expected addresses with other keys, and whether their packets arrive here."""
        wanted = set(expected)
        for ip, sign in list(self._signs.items()):
            if now_s - sign.last_at_s > SHOWN_S:
                del self._signs[ip]
            elif ip in wanted and sign.last_at_s - sign.first_at_s >= LASTS_S:
                yield ip, sign.is_received

    def _sign(self, ip: str, now_s: float) -> _Sign:
        sign = self._signs.get(ip)
        if sign is None or now_s - sign.last_at_s > SHOWN_S:
            self._signs.pop(ip, None)
            if len(self._signs) >= ADDRESSES_MAX:
                del self._signs[next(iter(self._signs))]
            sign = self._signs[ip] = _Sign(now_s, now_s)
        sign.last_at_s = now_s
        return sign
