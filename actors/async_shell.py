"""A shell whose work runs on an asyncio loop, in one thread of the actor's process.

The bridge for what is written for asyncio and, through `asyncio.to_thread`, for blocking ones
(docker).  Messages for the actor are handed to the loop; what the loop posts is sent by the
actor's own thread, because Thespian's transport belongs to that one.  A process with such a
thread must not create child actors: a fork would copy a half-locked interpreter.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import os
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

import uvloop
from thespian.actors import ActorAddress

from actors.shell import ShellActor, remote_address
from actors.transport.managers import ActorFailedError
from constellation.cluster_view import ClusterView
from constellation.effects import Note, Send
from constellation.log import get_logger
from messages.base import Message
from messages.gossip import ClusterChanged
from messages.lifecycle import ActorPing, ActorPong

log = get_logger(__name__)

Reply = Callable[[Message], None]

STOP_TIMEOUT_S = 2.0
HOSTED_STOP_TIMEOUT_S = 0.8  # less than the supervisor waits for all at the end of a node


class AsyncShell(ShellActor):
    """Base of shells that wait for many things at once.

    Subclasses override `run`, `on_message` and `on_actor_up_async`, all called on the loop.
    Everything a subclass keeps belongs to the loop's thread.
    """

    start_timeout_s = 10.0
    has_own_thread = True

    def __init__(self) -> None:
        super().__init__()
        self.loop: asyncio.AbstractEventLoop | None = None
        self._outbox: deque[tuple[ActorAddress | str, Message]] = deque()
        self._wake = -1
        self._thread: threading.Thread | None = None
        self._main: asyncio.Task[None] | None = None
        self._ready = threading.Event()
        self._stopping = False
        self._has_ended = False  # the loop; for ever
        self._wake_users = 0  # the actor and its loop; who lets go of the file last closes it
        self._guard = threading.Lock()

    # What subclasses override; all of it runs on the loop.

    async def run(self) -> None:
        """Work until cancelled.  Ending in any other way ends the actor, to be started again.

        Call `self.started()` as soon as messages may be handled.  The process waits for that, and
        in a host all neighbours do: there, await nothing before.
        """
        raise NotImplementedError

    def on_message(self, message: Message, reply: Reply) -> None:
        """Handle one message; `reply` answers its sender, at once or later."""
        log.warning("message_unrecognized", to=self.name, kind=type(message).__name__)

    def on_actor_up_async(self, name: str) -> None:
        """Actor `name` of this node has started, or started again and knows nothing."""

    def on_cluster_changed_async(self, view: ClusterView, change: ClusterChanged) -> None:
        """`view` is the cluster with `change` applied.  Needs `follow_cluster`."""

    # What subclasses use, on the loop.

    def started(self) -> None:
        """Let the supervisor know that the actor works."""
        self._ready.set()

    def post_soon(self, to: str, message: Message) -> None:
        """Send `message` to the local actor named `to`.  From the loop's thread."""
        self._put(to, message)

    def send_soon(self, to: ActorAddress, message: Message) -> None:
        """Send `message` to an actor of any node.  From the loop's thread."""
        self._put(to, message)

    def send_to_soon(self, node_name: str, actor: str, message: Message) -> bool:
        """Send `message` to an actor of another node; False if the node is not known.

        From the loop's thread.  Needs `follow_cluster`.
        """
        address = self._actor_systems.get(node_name)
        if address is None:
            self.counters.unsent.labels(actor).inc()
            return False
        self.send_soon(remote_address(*address, actor), message)
        return True

    def perform(self, effect: Send | Note) -> None:
        """Perform one of the effects that all cores share.  From the loop's thread."""
        match effect:
            case Send(to, message):
                self.post_soon(to, message)
            case Note():
                super().perform(effect)

    def spawn(self, work: Coroutine[Any, Any, None], what: str) -> asyncio.Task[None]:
        """Run `work` beside `run`; an exception in it ends the actor, loudly."""
        task = asyncio.ensure_future(work)

        def check(done: asyncio.Task[None]) -> None:
            if not done.cancelled() and done.exception() is not None:
                self.fail(what, done.exception())

        task.add_done_callback(check)
        return task

    # The bridge.

    def on_start(self) -> None:
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._wake_users = 2
        # In a copy of this thread's context: it holds what every logged event says.
        context = contextvars.copy_context()
        self._thread = threading.Thread(
            target=context.run, args=(self._run_loop,), name=self.name, daemon=True
        )
        self._thread.start()
        if not self._ready.wait(timeout=self.start_timeout_s):
            self.fail("start", TimeoutError(f"not started within {self.start_timeout_s} s"))
        if self._has_ended:
            raise ActorFailedError  # said already, and neighbours need not wait for more

    def on_actor_up(self, name: str) -> None:
        if self.loop is not None:
            self.loop.call_soon_threadsafe(self.on_actor_up_async, name)

    def receiveMsg_ClusterChanged(self, message: ClusterChanged, sender: ActorAddress) -> None:
        if self.follows_cluster:
            super().receiveMsg_ClusterChanged(message, sender)
        else:
            self.receiveUnrecognizedMessage(message, sender)

    def on_cluster_changed(self, before: ClusterView, change: ClusterChanged) -> None:
        if self.loop is not None:
            self.loop.call_soon_threadsafe(self.on_cluster_changed_async, self.view, change)

    def on_stop(self) -> None:
        is_told, self._stopping = self._stopping, True
        if self.loop is None or self._thread is None:
            return
        if self._main is not None and not is_told:
            self.loop.call_soon_threadsafe(self._main.cancel)
        timeout_s = STOP_TIMEOUT_S if self._myRef.host is None else HOSTED_STOP_TIMEOUT_S
        if self._myRef.has_waited_for(self._thread, timeout_s):  # else this is called again
            self._drain()

    def on_abandoned(self) -> None:
        self._stopping = True
        if self.loop is not None and self._main is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self.loop.call_soon_threadsafe(self._main.cancel)
        self._let_go_of_wake()

    def _let_go_of_wake(self) -> None:
        with self._guard:
            self._wake_users -= 1
            if self._wake_users == 0:
                os.close(self._wake)

    def watched_files(self) -> list[int]:
        return [self._wake] if self._wake >= 0 else []

    def on_readable(self, ready: list[int]) -> None:
        with contextlib.suppress(BlockingIOError):  # read already, for an earlier wake-up
            os.eventfd_read(self._wake)
        self._drain()

    def receiveMsg_ActorPing(self, message: ActorPing, sender: ActorAddress) -> None:
        # Answered by the loop: an actor whose loop hangs does not work.
        if self.loop is not None:
            reply = self._reply_to(sender)
            pong = ActorPong(name=self.name, seq_no=message.seq_no)
            self.loop.call_soon_threadsafe(reply, pong)

    def receiveUnrecognizedMessage(self, message: Any, sender: ActorAddress) -> None:
        """Hand every message of ours to the loop."""
        if isinstance(message, Message) and self.loop is not None:
            reply = self._reply_to(sender)
            self.loop.call_soon_threadsafe(self.on_message, message, reply)
            return
        super().receiveUnrecognizedMessage(message, sender)

    def _reply_to(self, sender: ActorAddress) -> Reply:
        return lambda answer: self._put(sender, answer)

    def _put(self, to: ActorAddress | str, message: Message) -> None:
        self._outbox.append((to, message))
        os.eventfd_write(self._wake, 1)

    def _drain(self) -> None:
        while self._outbox:
            to, message = self._outbox.popleft()
            if isinstance(to, str):
                self.post(to, message)
            else:
                self.send(to, message)

    def _run_loop(self) -> None:
        try:
            with contextlib.suppress(ActorFailedError):  # said already
                self._run_until_stopped()
        finally:
            self._has_ended = True
            self._ready.set()  # the actor may still wait for the start
            self._let_go_of_wake()
            self._myRef.thread_ended()

    def _run_until_stopped(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            self.loop = runner.get_loop()
            self.loop.set_exception_handler(self._on_loop_exception)
            try:
                runner.run(self._run_main())
            except asyncio.CancelledError:
                return
            except ActorFailedError:
                raise
            except BaseException as error:
                self.fail("run", error)
        if not self._stopping:
            self.fail("run", RuntimeError("it returned, which only a stop may make it do"))

    async def _run_main(self) -> None:
        self._main = asyncio.current_task()
        await self.run()

    def _on_loop_exception(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, ActorFailedError):
            return  # said already
        log.error("callback_failed", detail=context.get("message"), exc_info=error)
        if isinstance(error, Exception) and "handle" in context:
            # A callback of ours raised: state may be half changed, a fresh start is not.
            with contextlib.suppress(ActorFailedError):  # asyncio would log it as another error
                self.fail("callback", error)
