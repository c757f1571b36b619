"""The body is JSON that is also YAML, encoded in pieces."""

from __future__ import annotations

import json
from typing import Any

import pytest

from constellation.traefik import document as document_module
from constellation.traefik.document import Document, canonical
from constellation.traefik.elements import ElementKey


def test_a_character_outside_the_bmp_is_not_a_surrogate_pair() -> None:
    assert canonical("\U0001f600") == '"\U0001f600"'.encode()


@pytest.mark.parametrize("text", ["\x7f", "\x85", "\u2028", "\ufeff", "\uffff", "\0", "\n"])
def test_characters_that_yaml_cannot_read_are_escaped(text: str) -> None:
    assert canonical(text).isascii()
    assert json.loads(canonical(text)) == text


def test_the_body_equals_the_encoding_of_the_whole_document() -> None:
    document = Document()
    one = ElementKey("http", "routers", "b")
    for key in (one, ElementKey("http", "routers", "a"), ElementKey("udp", "services", "c")):
        document.set(key, {"z": 1, "a": [key.name]})

    assert bytes(document.body()) == canonical(
        {
            "http": {
                "routers": {"a": {"z": 1, "a": ["a"]}, "b": {"z": 1, "a": ["b"]}},
            },
            "udp": {"services": {"c": {"z": 1, "a": ["c"]}}},
        }
    )


def test_only_elements_that_changed_are_encoded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    document = Document()
    keys = [ElementKey("http", "routers", name) for name in ("a", "b", "c")]
    for key in keys:
        document.set(key, {"rule": key.name})
    document.body()
    encoded: list[Any] = []

    def encode(value: Any) -> bytes:
        encoded.append(value)
        return canonical(value)

    monkeypatch.setattr(document_module, "canonical", encode)
    document.set(keys[1], {"rule": "new"})
    body = document.body()

    assert encoded == [{"b": {"rule": "new"}}]
    assert json.loads(bytes(body))["http"]["routers"]["b"] == {"rule": "new"}


def test_a_discarded_element_leaves_no_empty_object() -> None:
    document = Document()
    key = ElementKey("tcp", "routers", "x")
    document.set(key, {"rule": "a"})
    document.discard(key)

    assert bytes(document.body()) == b"{}"
    assert not document
