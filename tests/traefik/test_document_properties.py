"""A body in pieces has the bytes of the whole document after any changes."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from constellation.traefik.document import Body, Document, canonical
from constellation.traefik.elements import ElementKey, Instance, Owner
from constellation.traefik.last_good import LastGood

KEYS = [
    ElementKey(protocol, section, name)
    for protocol in ("http", "tcp")
    for section in ("middlewares", "routers", "services")
    for name in ("a", "b.c", "é", "z")
] + [ElementKey("http", "routers", "a").meant_by(Owner(service)) for service in ("web", "été")]
CHANGES = st.lists(st.tuples(st.sampled_from(KEYS), st.none() | st.integers(0, 3)), max_size=30)


def whole(elements: dict[ElementKey, Any]) -> bytes:
    """Return the document encoded as a whole."""
    document: dict[str, dict[str, dict[str, Any]]] = {}
    for key, config in elements.items():
        section = document.setdefault(key.protocol, {}).setdefault(key.section, {})
        section[key.body_name] = config
    return canonical(document)


@given(CHANGES, st.integers(1, 5))
def test_a_body_in_pieces_has_the_bytes_of_the_whole_document(
    changes: list[tuple[ElementKey, int | None]], chunk_elements: int
) -> None:
    document, elements = Document(chunk_elements), dict[ElementKey, Any]()
    for key, value in changes:
        if value is None:
            document.discard(key)
            elements.pop(key, None)
        else:
            elements[key] = {"value": value}
            document.set(key, elements[key])
        # After each change, because pieces are kept from one body to the next.
        assert bytes(document.body()) == whole(elements)
        anew = Document(chunk_elements)
        for one, config in reversed(elements.items()):
            anew.set(one, config)
        assert document.body().tag == anew.body().tag, "chunks follow from the names alone"
        for one, config in elements.items():
            assert document.key_of(one.protocol, one.section, one.body_name) == one
            assert document.config_of(one.protocol, one.section, one.body_name) == config
            assert document.begins_with(one, "value")
            assert not document.begins_with(one, "val")


def test_a_saved_body_is_equal_to_one_in_pieces_with_the_same_bytes() -> None:
    document = Document(1)
    for key in KEYS:
        document.set(key, {"value": 1})
    made = document.body()
    document.set(KEYS[0], {"value": 2})

    assert Body.of(bytes(made)) == made
    assert Body.of(bytes(made)) != document.body()
    assert made != document.body()


def test_the_saved_file_is_one_canonical_document() -> None:
    body = canonical({"http": {"routers": {"é": {"rule": "Host(`a`)"}}}})
    saved = LastGood(
        Body.of(body), frozenset(Instance("web", node, "web") for node in ("beta", "alpha")), 1.5
    )

    content = saved.encode()

    assert content == canonical(json.loads(content))
    assert list(json.loads(content)) == ["body", "digest", "routed", "saved_at_utc_s"]
    assert LastGood.decode(content) == saved
