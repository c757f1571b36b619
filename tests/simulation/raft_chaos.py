"""Random faults, from a seed."""

from __future__ import annotations

from tests.simulation.raft_network import RaftNetwork

ROUNDS = 25


def disturbed(seed: int, *, nodes: int = 5, rounds: int = ROUNDS) -> RaftNetwork:
    """Return a network after faults of all kinds, under load all the while."""
    net = RaftNetwork(seed=seed, nodes=nodes, spares=2, loss=0.03)
    net.crash_chance = 0.0005
    net.run(net.random.uniform(0.5, 4.0))
    for number in range(rounds):
        _disturb(net)
        for step in range(net.random.randrange(6)):
            _load(net, f"{number}.{step}".encode())
            net.run(net.random.uniform(0.0, 0.7))
    return net


def settles(net: RaftNetwork) -> None:
    """Assert that, once faults end, all agree and go on within a short time."""
    net.heal()
    net.wait_for_leader(15)
    net.run(3)
    leader = net.wait_for_leader(15)
    (index,) = net.propose(leader, b"last")
    members = net.members[leader].raft.state.configuration.members
    agreed = net.run(
        10, until=lambda: all(net.members[n].raft.state.applied_index >= index for n in members)
    )
    assert agreed, "not all have what is committed"
    tables = [net.members[name].table.state.leases for name in members]
    assert net.run(
        8, until=lambda: bool(net.members[net.leader].keeper.held) if net.leader else False
    )
    assert tables[0] is not None


def _load(net: RaftNetwork, data: bytes) -> None:
    for name in list(net.members):
        member = net.members.get(name)
        if member is None or member.raft.leadership is None or name in net.stopped_until_s:
            continue
        member.write(data + name.encode())
        if name in net.members:
            net.members[name].read()


def _disturb(net: RaftNetwork) -> None:
    random = net.random
    name, other = random.sample(net.names, 2)
    match random.randrange(12):
        case 0:
            net.kill(name)
        case 1 | 2:
            net.start_all()
        case 3:
            net.isolate([one for one in net.names if random.random() < 0.4])
        case 4:
            net.cuts.add((name, other))
        case 5 | 6:
            net.cuts.clear()
        case 7:
            net.delay_s = random.choice([(0.001, 0.02), (0.001, 0.4)])
        case 8:
            net.stop(name, random.uniform(0.5, 8.0))
        case 9 if net.leader:
            net.leading.transfer(name)
        case 10 | 11 if net.leader:
            kind = random.choice(["add_learner", "promote", "demote", "remove"])
            net.leading.change(kind, name)  # type: ignore[arg-type]
        case _:
            net.kill(net.leader)
