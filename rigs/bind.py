"""A real BIND name server on loopback, with one zone that takes updates signed by a key."""

from __future__ import annotations

import base64
import contextlib
import secrets
from collections.abc import Iterator
from pathlib import Path

import dns.message
import dns.query
import dns.rcode
import dns.rdataset
import dns.rdatatype
import dns.tsig
import dns.update
import dns.xfr
import dns.zone

from rigs.availability import binary
from rigs.ports import free_port
from rigs.processes import Process, assert_nothing_left

KEY_NAME = "constellation"
KEY_ALGORITHM = "hmac-sha256"
HOST = "127.0.0.1"
TIMEOUT_S = 5.0

CONFIGURATION = """
options {{
    directory "{directory}";
    listen-on port {port} {{ {host}; }};
    listen-on-v6 {{ none; }};
    pid-file none;
    session-keyfile none;
    recursion no;
    dnssec-validation no;
    notify no;
    empty-zones-enable no;
}};
controls {{ }};
key "{key_name}" {{ algorithm {algorithm}; secret "{secret}"; }};
key "stranger" {{ algorithm {algorithm}; secret "{secret}"; }};
zone "{zone}" {{
    type primary;
    file "zone";
    allow-update {{ key {key_name}; }};
    allow-transfer {{ key {key_name}; }};
    {policy}
}};
"""
ZONE = """\
$ORIGIN {zone}.
$TTL 3600
@ IN SOA ns hostmaster 1 3600 600 86400 60
@ IN NS ns
ns IN A 192.0.2.53
"""


class Bind:
    """A running BIND.  `edit`, `rrset` and `everything` act as another owner of the key does."""

    def __init__(self, directory: Path, zone: str, policy: str) -> None:
        self.directory = directory
        self.zone = zone
        self._policy = policy
        self.port = free_port(HOST)
        self.key_secret = base64.b64encode(secrets.token_bytes(32)).decode()
        self._key = dns.tsig.Key(KEY_NAME, self.key_secret, KEY_ALGORITHM)
        self.process = self._started()

    def edit(self, update: dns.update.UpdateMessage) -> None:
        """Make an update; fail if it is refused."""
        update.use_tsig(self._key, algorithm=self._key.algorithm)
        answer = dns.query.tcp(update, HOST, TIMEOUT_S, self.port)
        assert answer.rcode() == dns.rcode.NOERROR, dns.rcode.to_text(answer.rcode())

    def add(self, name: str, ttl_s: int, kind: str, content: str) -> None:
        """Add a record; names and targets are complete, targets with a final dot."""
        update = dns.update.UpdateMessage(self.zone)
        update.add(f"{name}.", ttl_s, kind, content)
        self.edit(update)

    def delete(self, name: str, kind: str) -> None:
        """Delete the records of a name and type."""
        update = dns.update.UpdateMessage(self.zone)
        update.delete(f"{name}.", kind)
        self.edit(update)

    def answer(self, name: str, kind: str) -> list[str]:
        """Return what a resolver gets, in order, each as 'TTL TYPE content'."""
        query = dns.message.make_query(f"{name}.", kind)
        found = dns.query.udp(query, HOST, TIMEOUT_S, self.port).answer
        return sorted(line for one in found for line in _lines(one))

    def everything(self) -> dict[str, list[str]]:
        """Return what the zone has, by complete name without a final dot, without the SOA."""
        zone = dns.zone.Zone(f"{self.zone}.", relativize=False)
        query, _ = dns.xfr.make_query(
            zone, serial=None, keyring=self._key, keyalgorithm=self._key.algorithm
        )
        dns.query.inbound_xfr(HOST, zone, query, self.port, timeout=TIMEOUT_S)
        return {
            name.to_text(omit_final_dot=True): sorted(
                line
                for one in node.rdatasets
                if one.rdtype != dns.rdatatype.SOA
                for line in _lines(one)
            )
            for name, node in zone.nodes.items()
        }

    def stop(self) -> None:
        """Stop it, as a host that is shut down does."""
        self.process.stop()
        assert_nothing_left(self.process)

    def _started(self) -> Process:
        self.directory.mkdir(parents=True)
        (self.directory / "zone").write_text(ZONE.format(zone=self.zone))
        configuration = self.directory / "named.conf"
        configuration.touch(mode=0o600)
        configuration.write_text(
            CONFIGURATION.format(
                directory=self.directory,
                port=self.port,
                host=HOST,
                key_name=KEY_NAME,
                algorithm=KEY_ALGORITHM,
                secret=self.key_secret,
                zone=self.zone,
                policy=self._policy,
            )
        )
        # In the foreground, with one thread, and as this user: also root needs no other.
        command: list[str | Path] = [binary("named"), "-g", "-n", "1", "-c", configuration]
        process = Process(command, log_file=self.directory / "named.log")
        try:
            process.wait_for_line("running$")
        except AssertionError:
            process.stop()
            raise
        return process


@contextlib.contextmanager
def bind(directory: Path, *, zone: str = "home.example", is_signed: bool = False) -> Iterator[Bind]:
    """Run BIND with a zone until the block ends; its files are in `directory`, which it makes.

    A zone that is signed (DNSSEC) is signed by BIND itself, with keys that it makes.
    """
    server = Bind(directory, zone, "dnssec-policy default;" if is_signed else "")
    try:
        if is_signed:
            server.process.wait_for(
                lambda: server.answer(zone, "DNSKEY"), timeout_s=20, what="the zone to be signed"
            )
        yield server
    finally:
        server.stop()


def _lines(found: dns.rdataset.Rdataset) -> list[str]:
    kind = dns.rdatatype.to_text(found.rdtype)
    return [f"{found.ttl} {kind} {one.to_text()}" for one in found]
