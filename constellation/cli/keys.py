"""`constellation keys`: the keys that encrypt gossip, changed on all nodes without a restart."""

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
    help="List and change the keys that encrypt gossip, on all nodes at once.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
KeyId = Annotated[str, typer.Argument(metavar="ID", help="As `keys list` shows it, or 4+ of it.")]


@keys.command("list")
def list_keys(*, as_json: AsJson = False) -> None:
    """Show which node has which keys."""
    _show(_order("list"), as_json=as_json)


@keys.command()
def install(
    *,
    from_stdin: Annotated[
        bool, typer.Option("--stdin", help="Read the key, 64 hexadecimal digits, instead.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make a new key, and have all nodes decrypt with it, too."""
    _show(_install(_read_key() if from_stdin else secrets.token_bytes(KEY_BYTES)), as_json=as_json)


@keys.command()
def use(key_id: KeyId, *, as_json: AsJson = False) -> None:
    """Have all nodes encrypt with a key that all have."""
    _show(_order("use", key_id), as_json=as_json)


@keys.command()
def remove(key_id: KeyId, *, as_json: AsJson = False) -> None:
    """Have all nodes forget a key that is not in use."""
    _show(_order("remove", key_id), as_json=as_json)


@keys.command()
def rotate(*, as_json: AsJson = False) -> None:
    """Make a new key, use it on all nodes, and remove the old ones; stop where a node does not."""
    from constellation.gossip.keyring_seal import key_id  # noqa: PLC0415 - it takes its time

    before = _checked("looking at the keys", _order("list"))
    key = secrets.token_bytes(KEY_BYTES)
    new = key_id(key)
    _checked(f"installing key {new}", _install(key))
    report = _checked(f"using key {new}", _order("use", new))
    for old in before.nodes[0].key_ids:
        report = _checked(f"removing key {old}", _order("remove", old))
    _show(report, as_json=as_json)


def _checked(step: str, report: KeyringReport) -> KeyringReport:
    """Say how `step` went; go no further if a node did not take it."""
    if report.degraded:
        raise unanswered(
            f"stopped at {step}: {'; '.join(report.degraded)}; nothing is lost: see `keys list`, "
            "mend that, and go on with `keys use` and `keys remove`"
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
        raise unanswered("what was read is no key: write 64 hexadecimal digits")
    return key


def _show(report: KeyringReport, *, as_json: bool) -> None:
    from constellation.admin.keyring_table import keys_text  # noqa: PLC0415 - rich takes its time

    show(report, keys_text, as_json=as_json)
