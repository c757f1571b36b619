"""Random faults, from a seed."""

from __future__ import annotations

from functools import partial

from constellation.raft.configuration import ChangeKind
from tests.simulation.raft_network import CALM_S, RaftNetwork

ROUNDS = 35
HOLDER_ROUNDS = 7
DELAYS_S = (CALM_S, (0.001, 0.4), (0.25, 0.45))  # the last: later than a heartbeat or two
LOCAL_DELAYS_S = ((0.0, 0.02), (0.0, 1.5))  # the last: an actor that is busy


def disturbed(seed: int) -> RaftNetwork:
    """Return a network of three to five voters after faults, under load all along."""
    net = RaftNetwork(seed=seed, nodes=3 + seed % 3, spares=2, loss=0.03)
    net.batch_chance = 0.2
    net.run(net.random.uniform(0.5, 4.0))
    if is_hard_on_holders(seed):
        _hard_on_holders(net)
    else:
        _hard_on_all(net)
    return net


def is_hard_on_holders(seed: int) -> bool:
    """Return of which kind a seed's faults are."""
    return seed // 3 % 3 == 2


def _hard_on_all(net: RaftNetwork) -> None:
    """Faults of all kinds, so many that often nothing goes on."""
    net.crash_chance = 0.01
    for number in range(ROUNDS):
        _disturb(net)
        for step in range(net.random.randrange(6)):
            _load(net, f"{number}.{step}".encode())
            net.run(net.random.uniform(0.0, 0.7))


def _hard_on_holders(net: RaftNetwork) -> None:
    """One fault at a time, of who holds a lease or leads; the others go on as fast as they can."""
    for number in range(HOLDER_ROUNDS):
        net.wait_for_leader(15)
        net.local_delay_s = net.random.choice(LOCAL_DELAYS_S)
        net.run(net.random.uniform(0.5, 3.0))
        name = _holder(net) or net.leader
        match net.random.randrange(7):
            case 5 | 6:
                _disturb_processes(net, name)
            case 0 | 1:
                net.isolate([name])
            case 2:
                net.stop(name, net.random.uniform(0.5, 8.0))
            case 3:
                _want_or_not(net)
            case _:
                net.leading.transfer(net.random.choice(net.voters))
        # Who takes over is not busy; what was on its way in the holder arrives late all the same.
        net.local_delay_s = CALM_S
        for step in range(8):
            _load(net, f"{number}.{step}".encode())
            net.run(net.random.uniform(0.3, 1.0))
        net.cuts.clear()


def settles(net: RaftNetwork) -> None:
    """Assert that, once faults end, all agree and go on within a short time."""
    net.heal()
    net.wait_for_leader(15)
    net.run(3)
    leader = net.wait_for_leader(15)
    (index,) = net.propose(leader, b"last")
    names = net.members[leader].raft.state.configuration.members
    members = [net.members[name] for name in sorted(names)]
    agreed = net.run(10, until=lambda: all(one.applied_index >= index for one in members))
    assert agreed, "not all have what is committed"
    net.checks.acts.clear()
    assert net.run(12, until=lambda: _all_acted_on(net)), "a lease is not acted on"
    # Nobody asks for anything between two renewals: then the tables are the same.
    same = net.run(5, until=lambda: len({one.applied_index for one in members}) == 1)
    assert same
    assert len({one.table.encode() for one in members}) == 1, "tables differ"


def _all_acted_on(net: RaftNetwork) -> bool:
    return net.checks.acts.keys() >= net.wants.keys()


def _load(net: RaftNetwork, data: bytes) -> None:
    """Write and read at every node that believes it leads; a stopped node does so afterwards."""
    for member in list(net.members.values()):
        if member.raft.leadership:
            net.at(member, 0.0, partial(member.write, data + member.name.encode()))
            net.at(member, net.random.uniform(0.0, 0.5), member.read)


def _disturb(net: RaftNetwork) -> None:  # noqa: C901, PLR0912 - a list of faults
    random = net.random
    name = random.choice(net.names)
    match random.randrange(19):
        case 0:
            net.kill(name)
        case 1 | 2:
            net.start_all()
        case 3:
            net.isolate([one for one in net.names if random.random() < 0.4])
        case 4:
            _cut_one_way(net, name)
        case 5 | 6:
            net.cuts.clear()
        case 7:
            net.delay_s = random.choice(DELAYS_S)
            net.local_delay_s = random.choice(LOCAL_DELAYS_S)
        case 8:
            net.stop(_holder(net) or name, random.uniform(0.5, 8.0))
        case 9 if name in net.members:
            net.end(name, random.uniform(0.0, 2.0))
        case 10 | 11:
            _want_or_not(net)
        case 12 if net.leader:
            net.leading.transfer(random.choice(net.voters))
        case 13 | 14 if net.leader:
            _change(net)
        case 16 if name in net.members:
            _disturb_processes(net, name)
        case 17 if _holder(net):
            _disturb_processes(net, _holder(net))
        case 18:
            net.local_loss = random.choice([0.0, 0.1, 0.3])
        case _:
            net.kill(net.leader)


def _disturb_processes(net: RaftNetwork, name: str) -> None:
    """Kill or stop one process of a node: its lease manager, or an actor that acts on leases."""
    user = net.members[name].user
    actor = user.actors[net.random.choice(sorted(user.actors))]
    match net.random.randrange(3):
        case 0:
            net.at(net.members[name], 0.0, user.start_manager)
        case 1:
            net.at(net.members[name], 0.0, partial(user.kill_actor, actor.name))
        case _:
            net.at(net.members[name], 0.0, partial(actor.stop, net.random.uniform(0.2, 8.0)))


def _change(net: RaftNetwork) -> None:
    """Have somebody join, or change what a member may do; more often upwards."""
    configuration = net.leading.raft.state.configuration
    kinds: dict[ChangeKind, list[str]] = {
        "add_learner": sorted(set(net.names) - configuration.members),
        "promote": sorted(configuration.learners),
        "demote": sorted(configuration.voters),
        "remove": sorted(configuration.members),
    }
    likely: list[ChangeKind] = ["add_learner", "promote", "promote", "promote", "demote", "remove"]
    kind = net.random.choice([one for one in likely if kinds[one]])
    name, leader = net.random.choice(kinds[kind]), net.leading
    if leader.change(kind, name) and kind == "add_learner":
        net.at(leader, net.random.uniform(0.5, 3.0), partial(leader.change, "promote", name))


def _cut_one_way(net: RaftNetwork, name: str) -> None:
    others = [one for one in net.names if one != name]
    to_it = {(one, name) for one in others}
    from_it = {(name, one) for one in others}
    one_link = {(name, net.random.choice(others))}
    net.cuts |= net.random.choice([to_it, from_it, one_link])


def _want_or_not(net: RaftNetwork) -> None:
    """Have a holder give a lease back, and all want it again that did before."""
    for member in net.members.values():
        for lease in net.wants:
            net.at(member, 0.0, partial(member.user.want, lease))
    held = [(net.members[name], lease) for name, lease in net.held()]
    if held:
        member, lease = net.random.choice(held)
        net.at(member, 0.0, partial(member.user.unwant, lease))


def _holder(net: RaftNetwork) -> str:
    holders = [name for name, _ in net.held()]
    return net.random.choice(holders) if holders else ""
