"""The records of all nodes, on every node.  Only its author may change a record.

A record's version is (incarnation, counter).  The incarnation grows with each life of the author,
the counter with each change within one life.  The higher version wins, whichever node relays it.

- Records are signed, and only a signature by the author's key is accepted (`authorship`).
- A withdrawn record stays as a tombstone for `expiry_s`, many times the push/pull interval.  Only a
  partition that lasts longer can bring the old record back, and only until its author receives
  it: an author refutes records that it has not published in this life.
- The records of an author that has been dead, departed or unknown for `expiry_s` are dropped.
  Their highest version stays as a floor for twice as long: a peer that drops them later would
  otherwise bring them back.  The floor ends when the author returns.
- A new life receives the records of its previous life from the cluster.  It uses a higher
  incarnation, publishes its own records, and after `grace_s` withdraws those that it has not
  published again.  So healthy services do not disappear before their monitors have reported.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from constellation.errors import WireError
from constellation.gossip.authorship import Authorship
from constellation.gossip.identity import Identity
from constellation.gossip.incarnation import above_earlier_life
from constellation.gossip.policy import StatePolicy
from constellation.gossip.record_codec import VALUE_FIELDS, SignedRecord, sign_record
from constellation.gossip.record_table import RecordId, RecordTable, Stored
from constellation.value import Value
from messages.base import Message
from messages.gossip import RecordKind, StateRecord

FLOORS_MAX = 4096
MISSED_LASTS_S = 8.0  # a node that joins refuses some for a moment, until it has heard the authors
MISSED_PAUSE_S = 60.0
REFUSED_SHOWN_S = 120.0  # an author that is refused again within this time still has no room


class _Floor(Value):
    author_key: bytes
    version: tuple[int, int]
    since_s: float


class Outcome(Value):
    """What a step changed: records to send to peers, and ids whose value changed for readers."""

    news: tuple[Stored, ...] = ()
    changed: tuple[tuple[str, RecordId], ...] = ()
    removed: tuple[tuple[str, RecordId], ...] = ()
    refused: tuple[str, ...] = ()  # the reason, for each refused record


class ClusterState:
    """All records; this node is the author of its own."""

    def __init__(
        self, *, identity: Identity, policy: StatePolicy, incarnation: int, now_s: float
    ) -> None:
        self.node_name = identity.node_name
        self.incarnation = incarnation  # of this life; the shell saves it
        self.table = RecordTable(identity.node_name)
        self._policy = policy
        self._counter = 0
        self._published: dict[RecordId, Message] = {}
        self._grace_until_s = now_s + policy.grace_s
        self._identity = identity
        self.authorship = Authorship(identity)
        self._gone_since_s: dict[str, float] = {}
        self._floors: dict[str, _Floor] = {}
        self.missed = False  # records of an author that may become a member were refused
        self.refused_members: dict[str, float] = {}  # that had no room lately, and when
        self._missed_at_s = float("-inf")
        self._missed_since_s = 0.0
        self.is_missing = False  # such records are refused for some time now
        self.repeated = 0  # records that were known already or older than the known ones

    def publish(self, kind: RecordKind, key: str, value: Message, now_s: float) -> Outcome:
        """Publish `value` under `key` for this node.  Idempotent."""
        record_id = RecordId(kind, key)
        if self._published.get(record_id) == value:
            return Outcome()
        stored = self._write(record_id, value, now_s)
        if stored is None:
            self.refused_members[self.node_name] = now_s
            return Outcome(refused=("limit",))
        self._published[record_id] = value
        return Outcome(news=(stored,), changed=((self.node_name, record_id),))

    def withdraw(self, kind: RecordKind, key: str, now_s: float) -> Outcome:
        """Replace this node's record under `key` by a tombstone.  Idempotent."""
        record_id = RecordId(kind, key)
        self._published.pop(record_id, None)
        known = self.table.get(self.node_name, record_id)
        if known is None or known.is_tombstone:
            return Outcome()
        stored = self._write(record_id, None, now_s)
        news = (stored,) if stored else ()
        return Outcome(news=news, removed=((self.node_name, record_id),))

    def merge(self, records: Iterable[SignedRecord], now_s: float) -> Outcome:
        """Merge records from any peer; refuse those that their author has not signed."""
        news: list[Stored] = []
        seen: dict[tuple[str, RecordId], bool] = {}
        refused: list[str] = []
        highest_claim = -1
        for signed in records:
            record_id = RecordId(signed.kind, signed.key)
            is_foreign = signed.node == self.node_name and self._is_foreign(signed, record_id)
            if not is_foreign and not self._is_news(signed, record_id):
                self.repeated += 1
                continue
            before = self.table.get(signed.node, record_id)
            stored = self._take(signed, now_s)
            if isinstance(stored, str):
                refused.append(stored)
                continue
            if is_foreign:
                highest_claim = max(highest_claim, signed.incarnation)
            news.append(stored)
            if not stored.is_tombstone or (before is not None and not before.is_tombstone):
                seen[signed.node, record_id] = stored.is_tombstone
        outcome = Outcome(
            tuple(news),
            tuple(key for key, is_gone in seen.items() if not is_gone),
            tuple(key for key, is_gone in seen.items() if is_gone),
            tuple(refused),
        )
        return self._refute(highest_claim, outcome, now_s) if highest_claim >= 0 else outcome

    def on_living(self, author: str) -> None:
        """End the absence of `author`: it is a living member.

        The floor ends too.  After a partition that outlasted the expiry, the author still has the
        records that were dropped here, under the same versions.
        """
        self._gone_since_s.pop(author, None)
        self._floors.pop(author, None)
        self.table.room.add_living(author)

    def expire(self, living: frozenset[str], now_s: float) -> Outcome:
        """Drop expired tombstones and the records of absent authors; `living` names the others."""
        self.table.room.set_living(living)
        removed: list[tuple[str, RecordId]] = []
        for author in self.table.authors:
            if author == self.node_name or author in living:
                removed += self._drop_tombstones(author, now_s)
            elif now_s - self._gone_since_s.setdefault(author, now_s) > self._policy.expiry_s:
                removed += self._drop_author(author, now_s)
        for author in self.authorship.take_superseded(now_s, grace_s=self._policy.grace_s):
            removed += self._drop_superseded(author)
        self._forget_authors(living, now_s)
        return join_outcomes(self._end_grace(now_s), Outcome(removed=tuple(removed)))

    def _forget_authors(self, living: frozenset[str], now_s: float) -> None:
        """Forget what is kept of authors that have no records left, or were refused long ago."""
        lasts_s = self._missed_at_s - self._missed_since_s
        is_recent = now_s - self._missed_at_s <= REFUSED_SHOWN_S
        self.is_missing = is_recent and lasts_s >= MISSED_LASTS_S
        authors = set(self.table.authors)
        for author in set(self.authorship.authors) - living - authors:
            self.authorship.forget(author)
        for author in self._gone_since_s.keys() - authors:
            del self._gone_since_s[author]
        for author, refused_at_s in list(self.refused_members.items()):
            if now_s - refused_at_s > REFUSED_SHOWN_S:
                del self.refused_members[author]
        for author, floor in list(self._floors.items()):
            if now_s - floor.since_s > 2 * self._policy.expiry_s:
                del self._floors[author]

    def _write(self, record_id: RecordId, value: Message | None, now_s: float) -> Stored | None:
        self._counter += 1
        record = StateRecord(
            kind=record_id.kind,
            node=self.node_name,
            key=record_id.key,
            incarnation=self.incarnation,
            counter=self._counter,
        )
        if value is not None:
            record = record.model_copy(update={VALUE_FIELDS[record_id.kind]: value})
        return self.table.put(sign_record(record, self._identity), record, now_s)

    def _take(self, signed: SignedRecord, now_s: float) -> Stored | str:
        """Store `signed`, or return the reason why it is refused."""
        # The room first: a flood of invented authors must not cost a signature each.
        if not self.table.room.has_any(signed.node):
            return self._no_room(signed.node, now_s)
        why = self.authorship.why_refused(signed)
        if why is not None:
            return why
        try:
            record = signed.opened()
        except WireError as error:
            return error.reason
        stored = self.table.put(signed, record, now_s)
        if stored is None:
            return self._no_room(signed.node, now_s)
        self.authorship.keep_first(signed)
        return stored

    def _no_room(self, author: str, now_s: float) -> str:
        if self.table.room.is_member(author):
            self.refused_members[author] = now_s
        else:
            if now_s - self._missed_at_s > MISSED_PAUSE_S:
                self._missed_since_s = now_s
            self.missed, self._missed_at_s = True, now_s
        return "limit"

    def _is_foreign(self, signed: SignedRecord, record_id: RecordId) -> bool:
        """Return whether a record of this node was not published by this life, and would win.

        Records of an older incarnation lose against anything that this life publishes.
        """
        known = self.table.get(self.node_name, record_id)
        if known is None or known.record.incarnation != self.incarnation:
            return signed.incarnation >= self.incarnation
        if signed.version == known.version:
            return signed.encoded != known.encoded
        return signed.version > known.version

    def _is_news(self, signed: SignedRecord, record_id: RecordId) -> bool:
        floor = self._floors.get(signed.node)
        if floor and floor.author_key == signed.author_key and signed.version <= floor.version:
            return False
        known = self.table.get(signed.node, record_id)
        if known is None or signed.version > known.version:
            return True
        is_of_old_key = known.author_key != signed.author_key
        return is_of_old_key and self.authorship.key_of(signed.node) == signed.author_key

    def _refute(self, claim: int, outcome: Outcome, now_s: float) -> Outcome:
        """Use an incarnation above `claim`, and publish all records of this life again."""
        self.incarnation = max(self.incarnation, above_earlier_life(claim))
        written = [self._write(record_id, value, now_s) for record_id, value in self._own()]
        own = Outcome(
            news=tuple(stored for stored in written if stored),
            changed=tuple((self.node_name, record_id) for record_id in self._published),
        )
        gone = tuple(key for key in outcome.removed if key not in own.changed)
        return join_outcomes(replace(outcome, removed=gone), own)

    def _own(self) -> tuple[tuple[RecordId, Message], ...]:
        return tuple(self._published.items())

    def _end_grace(self, now_s: float) -> Outcome:
        """Withdraw the records of previous lives that this life has not published."""
        if now_s < self._grace_until_s:
            return Outcome()
        outcome = Outcome()
        for record_id, stored in list(self.table.of(self.node_name).items()):
            if record_id not in self._published and not stored.is_tombstone:
                outcome = join_outcomes(outcome, self.withdraw(*record_id, now_s))
        return outcome

    def _drop_tombstones(self, author: str, now_s: float) -> list[tuple[str, RecordId]]:
        """Drop expired tombstones; return those of node records, which a claim may replace."""
        expired = [
            record_id
            for record_id, stored in self.table.of(author).items()
            if stored.is_tombstone and now_s - stored.stored_at_s > self._policy.expiry_s
        ]
        for record_id in expired:
            self.table.drop(author, record_id)
        return [(author, record_id) for record_id in expired if record_id.kind == "node"]

    def _drop_superseded(self, author: str) -> list[tuple[str, RecordId]]:
        """Drop the records that are signed with a previous key of the author."""
        public_key = self.authorship.key_of(author)
        dropped = [
            (record_id, stored)
            for record_id, stored in self.table.of(author).items()
            if stored.author_key != public_key
        ]
        for record_id, _ in dropped:
            self.table.drop(author, record_id)
        return [(author, record_id) for record_id, stored in dropped if not stored.is_tombstone]

    def _drop_author(self, author: str, now_s: float) -> list[tuple[str, RecordId]]:
        records = dict(self.table.of(author))
        if len(self._floors) >= FLOORS_MAX:
            del self._floors[next(iter(self._floors))]
        last = max(records.values(), key=lambda stored: stored.version)
        self._floors[author] = _Floor(last.author_key, last.version, now_s)
        self._gone_since_s.pop(author, None)
        for record_id in records:
            self.table.drop(author, record_id)
        return [(author, key) for key, stored in records.items() if not stored.is_tombstone]


def join_outcomes(first: Outcome, second: Outcome) -> Outcome:
    """Return two outcomes as one; `second` is the later one."""
    return Outcome(
        first.news + second.news,
        first.changed + second.changed,
        first.removed + second.removed,
        first.refused + second.refused,
    )
