"""Gossip, as pure cores: membership, failure detection, and the records of every node.

The wire, in memberlist's format:
packets            the messages of SWIM
fields             the fields of their msgpack maps, checked
datagram           one UDP datagram: label, encryption, compound
stream             one exchange over TCP
lzw                the compression that memberlist uses
security           AES-GCM with a ring of keys
keyring_seal       a key ring, sealed for the disk or for another node
keyring_change     what an operator's order does to the key ring

Membership:
swim               the protocol node: probes, broadcasts, push/pull         (SWIM §3, §4)
membership         how each message changes what is known of a member       (SWIM §4.2)
prober             direct and indirect probes                               (SWIM §3.1)
refusals           suspects whose host refuses connections
suspicion          how long a suspect may refute                            (Lifeguard §IV-B)
awareness          local health                                             (Lifeguard §IV-A)
paths              whether UDP passes to a member, and back
dissemination      the queue of broadcasts                                  (SWIM §4.1)
member             one member, and the table of all in the order of probes  (SWIM §4.3)
hearsay            members that were told of and never heard
conflicts          nodes that claim the name or the identity of another
name_claim         what a node does whose name another node has
node_meta          the public key and the node state in a member's meta
incarnation        the incarnation with which a new life begins
timers             the timers of a member and their deadlines
outbox             the effects of one step
policy             intervals, counts and limits

Records:
cluster_state      merge, refute, expire
record_table       all records, with a digest per author
record_room        how much room the records of each author have
record_codec       records as bytes
user_messages      records and digests in the packets of SWIM
authorship         which key may write an author's records
identity           a node's signing key
sameness           push/pull exchanges that are skipped because both sides are equal
backlog            received records that wait to be merged
catch_up           extra push/pull exchanges when there is much to send
direct_news        news over TCP, where UDP does not pass
change_feed        the changes that readers receive
foreign_keys       addresses whose keys differ from ours
troubles           what is wrong between the nodes, for the operator
gossip_node        membership and records as one node, and the facade for the shell
"""
