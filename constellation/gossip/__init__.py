"""Gossip: who is a member, who lives, and what each node says of itself.

From the wire up, in memberlist's format: `lzw`, `security`, `fields`, `packets`, `datagram`,
`stream`;
`awareness`, `suspicion` (Lifeguard §IV); `dissemination` (SWIM §4.1), `member` (probe order,
SWIM §4.3), `membership` (SWIM §4.2), `prober` (SWIM §3.1), `swim` (the protocol node);
`record_codec`, `user_messages`, `record_table`, `cluster_state` (author-owned records),
`change_feed` (what readers are told), `gossip_node` (members and records as one).
"""
