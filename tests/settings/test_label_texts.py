"""Labels of static services, in each form in which people paste them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constellation.settings.label_texts import label_texts
from tests.settings.loading import KEY, load, said_of

Write = Callable[[str, str | bytes], Path]

RULE = "Host(`pve.example`) && PathPrefix(`/a=b`)"
WANTED = {
    "traefik.enable": "true",
    "traefik.http.routers.pve.rule": RULE,
    "traefik.http.services.pve.loadbalancer.server.port": "8006",
}
YAML = "static_services:\n- name: pve\n  address: 10.0.0.2:8006\n  labels:\n"
TOML = "[[static_services]]\nname = 'pve'\naddress = '10.0.0.2:8006'\n"


@pytest.mark.case("C6")
@pytest.mark.parametrize(
    ("name", "content"),
    [
        (
            "a.yaml",
            (
                f"{YAML}    - traefik.enable=true\n    - 'traefik.http.routers.pve.rule={RULE}'\n"
                "    - traefik.http.services.pve.loadbalancer.server.port=8006\n"
            ),
        ),
        (
            "a.yaml",
            (
                f"{YAML}    traefik.enable: true\n    traefik.http.routers.pve.rule: '{RULE}'\n"
                "    traefik.http.services.pve.loadbalancer.server.port: 8006\n"
            ),
        ),
        (
            "a.yaml",
            (
                f"{YAML}    - traefik.enable: true\n    - traefik.http.routers.pve.rule: {RULE}\n"
                "    - traefik.http.services.pve.loadbalancer.server.port: 8006\n"
            ),
        ),
        (
            "a.toml",
            (
                f"{TOML}[static_services.labels]\ntraefik.enable = true\n"
                f"traefik.http.routers.pve.rule = '{RULE}'\n"
                "traefik.http.services.pve.loadbalancer.server.port = 8006\n"
            ),
        ),
        (
            "a.toml",
            (
                f"{TOML}labels = ['traefik.enable=true', 'traefik.http.routers.pve.rule={RULE}',\n"
                " 'traefik.http.services.pve.loadbalancer.server.port = 8006']\n"
            ),
        ),
    ],
    ids=[
        "Compose list",
        "Compose table",
        "YAML list of tables",
        "TOML without quotes",
        "TOML list",
    ],
)
def test_labels_are_taken_as_pasted(write: Write, name: str, content: str) -> None:
    settings = load(file=write(name, content))

    assert settings.static_services[0].labels == WANTED


@pytest.mark.case("C6")
@pytest.mark.parametrize(
    "text", ["yes", "on", "1.10", "12:30", "010", "1e3", "0x1f", "2026-01-02", "true", "~a", "1_0"]
)
def test_value_of_a_label_in_yaml_is_the_text_that_is_written(write: Write, text: str) -> None:
    for form in (f"    a.b: {text}\n", f"    a:\n      b: {text}\n", f"    - a.b={text}\n"):
        settings = load(file=write("a.yaml", YAML + form))

        assert settings.static_services[0].labels == {"a.b": text}


def test_label_without_a_value_is_empty(write: Write) -> None:
    for form in ("    - a\n", "    - a=\n", "    a:\n", "    a: ''\n"):
        assert load(file=write("a.yaml", YAML + form)).static_services[0].labels == {"a": ""}


@pytest.mark.case("C6")
@pytest.mark.parametrize(
    ("labels", "hint"),
    [
        (["a=1", "a=2"], "label 'a' is set twice"),
        (["a:b"], "label 1 of the list has no '=': write 'name=value'"),
        (["a=b", 3], "label 2 of the list is no text: put 'name=value' in quotes"),
        (["=b"], "a label has no name"),
        ({"a": 1.10}, "label 'a' is no text: put its value in quotes"),
        ({"a": {"b": ["c", "d"]}}, "label 'a.b' is a list: write one text in quotes"),
        ({"a.b": "1", "a": {"b": "2"}}, "label 'a.b' is set twice"),
        ("a=b", "write a table of texts, or a list of 'name=value'"),
    ],
)
def test_labels_that_mean_nothing_are_refused_by_name(labels: object, hint: str) -> None:
    given = [{"name": "pve", "address": "10.0.0.2:8006", "labels": labels}]

    said = said_of(f"static_services={json.dumps(given)}")

    assert said == f"static_services[0].labels by --set: {hint}" or hint in said
    assert said.startswith("static_services[0].labels by --set: ")


@pytest.mark.case("C6")
@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("traefik.http.routers.pve.rule = Host(`a`)", "put a text in quotes"),
        ("traefik.http.routers.pve.tls.domains[0].main = 'a'", "put a name with other characters"),
        ("traefik.a.tls = true\ntraefik.a.tls.certresolver = 'le'", "put its whole name in quotes"),
        ("- traefik.enable=true", "put a name with other characters"),
        ("traefik.a = 'Host('a')'", "in those of the other kind"),
    ],
)
def test_toml_of_a_pasted_label_is_refused_with_what_to_quote(
    write: Write, line: str, hint: str
) -> None:
    said = said_of(file=write("a.toml", f"{TOML}[static_services.labels]\n{line}\n"))

    assert "is not TOML" in said
    assert hint in said


def test_no_refusal_repeats_the_value_of_a_label(write: Write) -> None:
    for labels in ([f"{KEY}:x"], [f"a={KEY}", f"a={KEY}"], {"a": [KEY]}, [[KEY]], KEY):
        given = [{"name": "pve", "address": "10.0.0.2:8006", "labels": labels}]
        said = said_of(file=write("a.yaml", json.dumps({"static_services": given})))

        assert "labels" in said
        assert KEY not in said


def test_anchor_that_holds_itself_is_no_endless_table(write: Write) -> None:
    assert said_of(file=write("a.yaml", f"{YAML}    &x\n    a: *x\n"))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
        max_leaves=8,
    )
)
def test_anything_becomes_texts_or_is_refused(labels: object) -> None:
    try:
        assert all(isinstance(text, str) for text in label_texts(labels).values())
    except ValueError as error:
        assert "label" in str(error) or "table" in str(error)  # noqa: PT017 - either is right
