"""`constellation keys`: list and change the keys that encrypt gossip, on all nodes at once."""

from __future__ import annotations

import os
import secrets
import sys

from constellation.admin.keyring_report import away_from, reach_of
from constellation.admin.words import plain
from constellation.cli.session import ask, show, unanswered
from messages.keyring import KeyringAction, KeyringOrder, KeyringReport

KEY_BYTES = 32
HEX_CHARACTERS_MAX = 2 * KEY_BYTES


def list_keys(*, as_json: bool = False) -> None:
    """List the keys and the nodes that have them."""
    _show(_order("list"), as_json=as_json)


def install(
    *,
    from_stdin: bool = False,
    as_json: bool = False,
) -> None:
    """Install a new key on all nodes: they decrypt with it, but do not encrypt yet."""
    _show(_install(_read_key() if from_stdin else secrets.token_bytes(KEY_BYTES)), as_json=as_json)


def use(key_id: str, *, as_json: bool = False) -> None:
    """Encrypt with a key that all nodes have."""
    _show(_order("use", key_id), as_json=as_json)


def remove(key_id: str, *, as_json: bool = False) -> None:
    """Remove a key that is not in use from all nodes."""
    _show(_order("remove", key_id), as_json=as_json)


def rotate(
    *,
    force: bool = False,
    as_json: bool = False,
) -> None:
    """Install a new key, use it on all nodes, and remove the old ones; stop if a node refuses.

    Nodes that are away take over the new key when they come back, and never bring an old one back.
    Without --force nothing is changed while a node is away: it cannot be told that a key, perhaps
    a stolen one, is no longer valid.
    """
    from constellation.gossip.keyring_seal import key_id  # noqa: PLC0415 - loads slowly

    before = _order("list")
    _refuse_without(before, force=force)
    key = secrets.token_bytes(KEY_BYTES)
    new = key_id(key)
    _checked(f"installing key {new}", _install(key), force=force)
    report = _checked(f"using key {new}", _order("use", new), force=force)
    old_keys = dict.fromkeys(old for state in before.nodes for old in state.key_ids)
    for old in old_keys:
        report = _checked(f"removing key {old}", _order("remove", old), force=force)
    _show(report, as_json=as_json)


def _refuse_without(report: KeyringReport, *, force: bool) -> None:
    """Stop if nodes are away, unless the operator wants it."""
    away = away_from(report)
    if away and not force:
        them = "it" if len(away) == 1 else "them"
        raise unanswered(
            f"nothing was changed: {', '.join(away)} cannot be reached; start {them}, or rotate "
            f"without {them} with --force"
        )
    problems = [] if force else report.degraded
    if problems:
        raise unanswered(f"nothing was changed: {'; '.join(problems)}")


def _checked(step: str, report: KeyringReport, *, force: bool) -> KeyringReport:
    """Print the outcome of `step`; stop if a node refused it, or did not answer."""
    sys.stderr.write(f"{plain(step)}: {plain(reach_of(report))}\n")
    refused = [f"node {one.node} refused: {one.problem}" for one in report.nodes if one.problem]
    if refused or not report.nodes or (report.degraded and not force):
        raise unanswered(
            f"stopped at {step}: {'; '.join(report.degraded)}; nothing is lost: check `keys list`, "
            "fix the cause, and continue with `keys use` and `keys remove`"
        )
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
