"""What shells of actors with children share: creation, hosts, and who has ended."""

from __future__ import annotations

from thespian.actors import ActorAddress, ActorExitRequest

from actors.host import HostActor
from actors.shell import ShellActor
from constellation.supervision.process_effects import (
    Create,
    End,
    EndHost,
    PingHost,
    ProcessEffect,
    Tell,
)
from messages.lifecycle import ActorPing, ActorPong, ActorStart, ActorStarted


class ParentShell(ShellActor):
    """Base of the supervisor and of the parent of monitors.  Children are known by name."""

    def __init__(self) -> None:
        super().__init__()
        self.children: dict[str, ActorAddress] = {}
        self.names: dict[str, str] = {}  # of children, by the text of their address
        self.hosts: dict[str, ActorAddress] = {}
        self.host_names: dict[str, str] = {}  # by the text of their address

    # What subclasses override.

    def class_of(self, name: str) -> type[ShellActor]:
        """Return the class of the child `name`."""
        raise NotImplementedError

    def create_child(self, actor_class: type[ShellActor], host: str) -> ActorAddress:
        """Create an actor in the host `host`; in a process of its own if that is empty."""
        if host:
            created = self._myRef.create_in_host(self._host(host), actor_class)
        else:
            created = self.createActor(actor_class)
        return created

    def start_name(self, name: str) -> str:
        """Return the name by which the child `name` is known on the node."""
        return name

    def on_created(self, name: str, child: ActorAddress) -> None:
        """The child `name` was created, and told to start."""

    def on_child_ended(self, name: str) -> None:
        """The child `name` has ended."""

    def on_host_answered(self, host: str) -> None:
        """A host answered a ping."""

    def unlisted_actors(self) -> dict[str, ActorAddress]:
        return {**self.hosts}

    # What subclasses use.

    def perform_process(self, effect: ProcessEffect) -> None:
        """Perform one of the effects on children and their processes."""
        match effect:
            case Create(name, host):
                self._create(name, host)
            case Tell(name, message):
                self.send(self.children[name], message)
            case End(name, by_force):
                self._end(self.children.get(name), by_force=by_force)
            case PingHost(host):
                self.send(self.hosts[host], ActorPing(seq_no=0))
            case EndHost(host, by_force):
                # One that ends by itself takes no more actors: the next of its name is another.
                ending = self.hosts.get(host) if by_force else self.hosts.pop(host, None)
                self._end(ending, by_force=by_force)

    def child_named(self, sender: ActorAddress) -> str | None:
        """Return the name of the child at this address; None if it is none, or has ended."""
        return self.names.get(self.address_text(sender))

    def _create(self, name: str, host: str) -> None:
        child = self.create_child(self.class_of(name), host)
        self.children[name] = child
        self.names[self.address_text(child)] = name
        self._start(child, self.start_name(name))
        self.on_created(name, child)

    def _host(self, host: str) -> ActorAddress:
        running = self.hosts.get(host)
        if running is None:
            running = self.hosts[host] = self.createActor(HostActor)
            self.host_names[self.address_text(running)] = host
            self._start(running, host)
        return running

    def _start(self, child: ActorAddress, name: str) -> None:
        self.send(child, ActorStart(name=name, supervisor=self.address_text(self.myAddress)))

    def _end(self, child: ActorAddress | None, *, by_force: bool) -> None:
        if child is None:
            return
        if by_force:
            self._myRef.kill_child(child)
        else:
            self.send(child, ActorExitRequest())

    def receiveMsg_ActorStarted(self, message: ActorStarted, sender: ActorAddress) -> None:
        """A child or a host has started: by itself that means nothing here."""

    def receiveMsg_ActorPong(self, message: ActorPong, sender: ActorAddress) -> None:
        host = self.host_names.get(self.address_text(sender))
        if host is not None:
            self.on_host_answered(host)

    def on_child_exited(self, address: ActorAddress) -> None:
        # An actor that ends normally is reported twice: by itself, and by the kernel.
        text = self.address_text(address)
        name, host = self.names.pop(text, None), self.host_names.pop(text, None)
        if name is not None and self._forget(self.children, name, text):
            self.on_child_ended(name)
        if host is not None:
            self._forget(self.hosts, host, text)

    def _forget(self, running: dict[str, ActorAddress], name: str, text: str) -> bool:
        """Remove `name` if it is still the actor at that address, and no later one."""
        if name not in running or self.address_text(running[name]) != text:
            return False
        del running[name]
        return True
