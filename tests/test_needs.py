"""A test whose component is missing is skipped and counted; in CI it fails if it is required."""

from __future__ import annotations

import pytest

from rigs import availability, needs
from rigs.availability import CHECKS, REQUIRED_IN_CI, missing


@pytest.fixture(autouse=True)
def nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needs, "missing", lambda name: f"no {name} here")
    monkeypatch.delenv("CI", raising=False)


def item_that_needs(*names: str) -> pytest.Item:
    class Item:
        nodeid = "tests/test_x.py::test_x"

        def iter_markers(self, name: str) -> list[pytest.Mark]:
            return [pytest.mark.needs(*names).mark] if name == "needs" else []

    return Item()  # type: ignore[return-value]  # has what is asked of it


def test_a_missing_component_skips_with_its_reason() -> None:
    with pytest.raises(pytest.skip.Exception, match="component missing: docker: no docker here"):
        needs.check_components(item_that_needs("docker"))


@pytest.mark.parametrize("component", sorted(REQUIRED_IN_CI))
def test_in_ci_a_missing_required_component_fails(
    component: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")

    with pytest.raises(pytest.fail.Exception, match=f"{component} is required in CI"):
        needs.check_components(item_that_needs(component))


def test_in_ci_a_missing_optional_component_skips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")

    with pytest.raises(pytest.skip.Exception):
        needs.check_components(item_that_needs("systemd"))


def test_a_test_without_the_mark_runs() -> None:
    needs.check_components(item_that_needs())


def test_an_unknown_component_is_refused_at_collection() -> None:
    with pytest.raises(pytest.UsageError, match=r"'dokcer'\) names no component; known are docker"):
        needs.check_marks([item_that_needs("dokcer")])


def test_the_summary_counts_skips_by_reason() -> None:
    reports = [skipped("component missing: serf: not found")] * 2 + [skipped("not on Tuesdays")]

    assert needs.summary_lines(reports) == [
        "2 tests skipped because a component is missing",
        "  2 x serf: not found",
    ]


def skipped(reason: str) -> pytest.TestReport:
    return pytest.TestReport(
        "tests/x.py::x",
        ("tests/x.py", 1, "x"),
        {},
        "skipped",
        ("tests/x.py", 1, f"Skipped: {reason}"),
        "setup",
    )


def test_a_missing_program_is_named_with_its_package(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(availability, "binary", lambda name: "")
    monkeypatch.setattr("os.geteuid", lambda: 1000)

    assert "serf not found: install serf (Debian)" in CHECKS["serf"]()
    assert "docker.io (Debian)" in CHECKS["docker"]()


def test_docker_needs_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(availability, "binary", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr("os.geteuid", lambda: 1000)

    assert CHECKS["docker"]() == "needs root to start a Docker Engine: run as root"
    assert set(CHECKS) >= REQUIRED_IN_CI
    assert missing.__wrapped__("traefik") == ""
