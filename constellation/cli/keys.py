"""`constellation keys`: list and change the keys that encrypt gossip, on all nodes at once."""

from __future__ import annotations

import os
import secrets
import sys
from typing import Annotated

import typer

from constellation.admin.words import plain
from constellation.cli.session import AsJson, ask, show, unanswered
from messages.keyring import KeyringAction, KeyringOrder, KeyringReport

KEY_BYTES = 32
HEX_CHARACTERS_MAX = 2 * KEY_BYTES

keys = typer.Typer(
    help="List and change the keys that encrypt gossip, on all nodes.",
    short_help="List and change the gossip keys of all nodes.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
KeyId = Annotated[
    str,
    typer.Argument(metavar="ID", help="A key's id, or its first 4 or more digits."),
]


def add_commands(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(keys, name="keys")


@keys.command("list")
def list_keys(*, as_json: AsJson = False) -> None:
    """List the keys and the nodes that have them."""
    _show(_order("list"), as_json=as_json)


@keys.command(short_help="Install a new key on all nodes.")
def install(
    *,
    from_stdin: Annotated[
        bool,
        typer.Option("--stdin", help="Read the key, 64 hexadecimal digits, from standard input."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Install a new key on all nodes: they decrypt with it, but do not encrypt yet."""
    _show(_install(_read_key() if from_stdin else secrets.token_bytes(KEY_BYTES)), as_json=as_json)


@keys.command()
def use(key_id: KeyId, *, as_json: AsJson = False) -> None:
    """Encrypt with a key that all nodes have."""
    _show(_order("use", key_id), as_json=as_json)


@keys.command()
def remove(key_id: KeyId, *, as_json: AsJson = False) -> None:
    """Remove a key that is not in use from all nodes."""
    _show(_order("remove", key_id), as_json=as_json)


@keys.command(short_help="Replace the keys of all nodes by a new one.")
def rotate(*, as_json: AsJson = False) -> None:
    """Install a new key, use it on all nodes, and remove the old ones; stop if a node refuses."""
    from constellation.gossip.keyring_seal import key_id  # noqa: PLC0415 - loads slowly

    before = _checked("reading the keys", _order("list"))
    key = secrets.token_bytes(KEY_BYTES)
    new = key_id(key)
    _checked(f"installing key {new}", _install(key))
    report = _checked(f"using key {new}", _order("use", new))
    for old in before.nodes[0].key_ids:
        report = _checked(f"removing key {old}", _order("remove", old))
    _show(report, as_json=as_json)


def _checked(step: str, report: KeyringReport) -> KeyringReport:
    """Print the outcome of `step`; stop if a node refused it or did not answer."""
    if report.degraded:
        raise unanswered(
            f"stopped at {step}: {'; '.join(report.degraded)}; nothing is lost: check `keys list`, "
            "fix the cause, and continue with `keys use` and `keys remove`"
        )
    sys.stderr.write(f"{plain(step)}: done on {len(report.nodes)} nodes\n")
    return report


def _order(action: KeyringAction, key_id: str = "") -> KeyringReport:
    return ask(KeyringOrder(action=action, key_id=key_id), KeyringReport)


def _install(key: bytes) -> KeyringReport:
    def sealed(cluster_key: bytes) -> KeyringOrder:
        from constellation.gossip.keyring_seal import seal_keyring  # noqa: PLC0415 - as above
        from constellation.gossip.security import NONCE_BYTES, Keyring  # noqa: PLC0415 - as above

        ring = seal_keyring(Keyring((key,)), cluster_key, nonce=os.urandom(NONCE_BYTES))
        return KeyringOrder(action="install", sealed_keys=ring)

    return ask(sealed, KeyringReport)


def _read_key() -> bytes:
    text = sys.stdin.read(HEX_CHARACTERS_MAX + 2).strip()
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise unanswered("the input is not a key: it must be 64 hexadecimal digits")
    return key


def _show(report: KeyringReport, *, as_json: bool) -> None:
    from constellation.admin.keyring_table import keys_text  # noqa: PLC0415 - rich loads slowly

    show(report, keys_text, as_json=as_json)
