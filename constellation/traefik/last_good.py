"""The last good body, which survives a restart of the agent.

`{"body": the document, "digest": of all other fields, "routed": [[service, node, name], ...],
"saved_at_utc_s": Unix seconds}`.  Without a name, it is that of the service.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Set as AbstractSet

from constellation.traefik.document import Body, canonical
from constellation.traefik.elements import Instance
from constellation.value import Value

FILE_BYTES_MAX = 32 << 20


class LastGoodError(ValueError):
    """The file cannot be used; the text gives the reason."""


class LastGood(Value):
    """A body that was served after settling, and the instances that it routes to.

    `body` is canonical.
    """

    body: Body
    routed: AbstractSet[Instance]
    saved_at_utc_s: float

    def encode(self) -> bytes:
        """Return the content of the file."""
        # The body is embedded as it is: to parse and encode it again would delay requests.
        routed = canonical(sorted(map(list, self.routed)))
        rest = b'"routed":%b,"saved_at_utc_s":%b}' % (routed, canonical(self.saved_at_utc_s))
        body = bytes(self.body)
        digest = _digest(b'{"body":', body, b",", rest)
        return b"".join((b'{"body":', body, b',"digest":"%b",' % digest.encode(), rest))

    @classmethod
    def decode(cls, content: bytes) -> LastGood:
        """Return what `encode` wrote.

        Raises:
            LastGoodError: `content` is too large, damaged, or not such a file.
        """
        if len(content) > FILE_BYTES_MAX:
            raise LastGoodError(f"the file has {len(content)} bytes, the limit is {FILE_BYTES_MAX}")
        try:
            fields = json.loads(content)
            digest = fields.pop("digest")
            routed = frozenset(_instance(*map(str, row)) for row in fields["routed"])
            body, saved_at_utc_s = canonical(fields["body"]), float(fields["saved_at_utc_s"])
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise LastGoodError(
                f"the file is not in the format of this agent: {error!r}"
            ) from error
        if digest != _digest(canonical(fields)):
            raise LastGoodError("the file is damaged: the digest does not match its content")
        return cls(Body.of(body), routed, saved_at_utc_s)


def _instance(service: str, node: str, name: str = "") -> Instance:
    return Instance(service, node, name or service)


def _digest(*pieces: bytes) -> str:
    """Return the digest of the document without its digest."""
    digest = hashlib.blake2b(digest_size=16)
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()
