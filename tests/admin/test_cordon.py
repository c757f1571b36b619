"""A node's cordon: what an order makes of it, its file, and what people are told follows."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.adapters.cordon_file import load_cordon, save_cordon
from constellation.admin.cordon import (
    FILE_BYTES_MAX,
    Cordon,
    CordonError,
    cordon_lines,
    cordon_report,
    healthy_on,
)
from constellation.admin.words import NAMES_SHOWN_MAX
from constellation.cluster_view import ClusterView
from constellation.errors import AdapterError
from messages.admin import CordonChange, CordonChanged
from messages.gossip import CORDON_REASON_CHARACTERS_MAX
from tests.admin.builders import members, said, service
from tests.traefik.builders import view

UPGRADE = Cordon(cordoned=True, reason="kernel upgrade")
REASONS = st.text(st.characters(codec="utf-8"), max_size=CORDON_REASON_CHARACTERS_MAX)


def order(*, cordoned: bool = True, reason: str = "") -> CordonChange:
    return CordonChange(number=1, node="beta", cordoned=cordoned, reason=reason)


def changed(*, cordoned: bool = True, was_already: bool = False, reason: str = "") -> CordonChanged:
    return CordonChanged(
        number=1, node="beta", cordoned=cordoned, was_already=was_already, reason=reason
    )


def told(cluster: ClusterView, change: CordonChanged) -> str:
    return cordon_lines(cordon_report(cluster, change))[0]


# Orders.


@pytest.mark.parametrize(
    ("before", "change", "after"),
    [
        pytest.param(Cordon(), order(), Cordon(cordoned=True), id="no reason"),
        pytest.param(Cordon(), order(reason="kernel upgrade"), UPGRADE, id="a reason"),
        pytest.param(UPGRADE, order(), UPGRADE, id="again: the reason stays"),
        pytest.param(
            UPGRADE, order(reason="disk"), Cordon(cordoned=True, reason="disk"), id="another reason"
        ),
        pytest.param(UPGRADE, order(cordoned=False), Cordon(), id="uncordon"),
        pytest.param(Cordon(), order(cordoned=False), Cordon(), id="was not"),
    ],
)
def test_order(before: Cordon, change: CordonChange, after: Cordon) -> None:
    assert before.after(change) == after
    assert after.after(change) == after


# The file.


@settings(deadline=None)
@given(st.booleans(), REASONS)
def test_saved_cordon_is_loaded_unchanged(cordoned: bool, reason: str) -> None:
    cordon = Cordon(cordoned=cordoned, reason=reason)

    assert len(cordon.encode()) <= FILE_BYTES_MAX
    assert Cordon.decode(cordon.encode()) == cordon


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_other_content_is_refused(content: bytes) -> None:
    with contextlib.suppress(CordonError):
        Cordon.decode(content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'{"cordoned": 1, "reason": ""}',
        b'{"cordoned": true, "reason": null}',
        b'{"cordoned": true}',
        UPGRADE.encode()[:-9],
        b"[" * FILE_BYTES_MAX,
        b" " * FILE_BYTES_MAX + UPGRADE.encode(),
    ],
    ids=lambda content: repr(content)[:30],
)
def test_damaged_file_is_refused_and_kept(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "cordon.json"
    path.write_bytes(content)

    with pytest.raises(AdapterError, match=r"cannot be used.*either replaces the file"):
        load_cordon(path)

    assert path.read_bytes() == content


def test_field_of_a_later_version_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "cordon.json"
    path.write_text('{"cordoned": true, "reason": "kernel upgrade", "by": "eve"}')

    assert load_cordon(path) == UPGRADE


def test_file_exists_only_while_the_node_is_cordoned(tmp_path: Path) -> None:
    path = tmp_path / "cordon.json"

    assert load_cordon(path) == Cordon()
    save_cordon(path, UPGRADE)
    assert load_cordon(path) == UPGRADE
    assert path.stat().st_mode & 0o777 == 0o600
    for _ in range(2):
        save_cordon(path, Cordon())
    assert list(tmp_path.iterdir()) == []


def test_content_is_synced_before_the_rename_and_the_directory_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, steps = tmp_path / "cordon.json", []

    def sync(descriptor: int) -> None:
        steps.append((str(Path(f"/proc/self/fd/{descriptor}").readlink()), path.exists()))

    monkeypatch.setattr(os, "fsync", sync)
    save_cordon(path, UPGRADE)

    assert steps == [(str(tmp_path / ".cordon.json.new"), False), (str(tmp_path), True)]


def test_full_disk_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "cordon.json"
    save_cordon(path, UPGRADE)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(AdapterError, match="No space left on device"):
        save_cordon(path, Cordon(cordoned=True, reason="disk"))

    assert load_cordon(path) == UPGRADE
    assert list(tmp_path.iterdir()) == [path]


def test_missing_directory_is_reported(tmp_path: Path) -> None:
    with pytest.raises(AdapterError, match="No such file"):
        save_cordon(tmp_path / "away" / "cordon.json", UPGRADE)


# What follows.


@pytest.mark.parametrize(("state", "found"), [("alive", 1), ("suspect", 1), ("dead", 0)])
def test_healthy_services_of_a_living_node_are_counted(state: str, found: int) -> None:
    cluster = view(
        service("web", "beta"),
        service("db", "beta", "unhealthy"),
        service("api", "alpha"),
        members=members(beta=state),  # type: ignore[arg-type]
    )

    assert healthy_on(cluster, "beta") == ("web",) * found


@pytest.mark.parametrize("known", [False, True], ids=["not heard of yet", "heard of"])
def test_report_does_not_depend_on_whether_gossip_was_faster(known: bool) -> None:
    cluster = view(
        service("web", "beta"),
        service("web", "alpha"),
        service("db", "beta"),
        service("api", "beta"),
        service("api", "gamma"),
        members=members(beta="alive", gamma="alive"),
        nodes=(said("beta", cordoned=known), said("gamma", cordoned=True)),
    )

    report = cordon_report(cluster, changed(reason="kernel upgrade"))

    assert report.services == ("api", "db", "web")
    assert report.sole_services == ("api", "db")


BETA_HAS_ALL = view(
    *(service(name, "beta") for name in "abc"),
    service("a", "alpha", "unhealthy"),
    service("d", "beta"),
    service("d", "alpha"),
    members=members(beta="alive"),
)
BETA_HAS_NONE = view(service("a", "beta", "stopped"), members=members(beta="alive"))
OTHERS_HAVE_ALL = view(service("a", "beta"), service("a", "alpha"), members=members(beta="alive"))


@pytest.mark.parametrize(
    ("cluster", "change", "text"),
    [
        (
            BETA_HAS_ALL,
            changed(reason="kernel upgrade"),
            (
                "beta is cordoned (kernel upgrade): 4 service instances take no requests; "
                "3 of them have no other healthy instance: a, b, c (503 now)"
            ),
        ),
        (
            OTHERS_HAVE_ALL,
            changed(),
            "beta is cordoned: 1 service instance takes no requests",
        ),
        (
            BETA_HAS_NONE,
            changed(was_already=True),
            (
                "beta was cordoned already: no service there was healthy, so no request changes "
                "its way"
            ),
        ),
        (
            BETA_HAS_ALL,
            changed(cordoned=False),
            (
                "beta is uncordoned: 4 service instances take requests; "
                "3 of them have no other healthy instance: a, b, c"
            ),
        ),
        (
            OTHERS_HAVE_ALL,
            changed(cordoned=False, was_already=True),
            "beta was not cordoned: 1 service instance takes requests",
        ),
        (
            BETA_HAS_NONE,
            changed(cordoned=False),
            "beta is uncordoned: no service there is healthy, so no request goes there yet",
        ),
    ],
)
def test_report_as_text(cluster: ClusterView, change: CordonChanged, text: str) -> None:
    assert told(cluster, change) == text


def test_text_says_how_to_uncordon() -> None:
    lines = cordon_lines(cordon_report(OTHERS_HAVE_ALL, changed()))

    assert lines[1:] == (
        "it stays cordoned, also after a restart, until `constellation uncordon beta`",
    )


def test_text_lists_only_the_first_of_many_names() -> None:
    names = [f"s{number:02}" for number in range(NAMES_SHOWN_MAX + 5)]
    cluster = view(*(service(name, "beta") for name in names), members=members(beta="alive"))

    assert told(cluster, changed()).endswith(f"{names[NAMES_SHOWN_MAX - 1]} and 5 more (503 now)")
