"""What an operator pastes as the subject of `explain`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constellation.admin.subject import subject_of


@pytest.mark.case("O15")
@pytest.mark.parametrize(
    ("pasted", "subject"),
    [
        ("https://shop.home.example/cart?id=1#top", "shop.home.example"),
        ("HTTPS://Shop.Home.Example", "shop.home.example"),
        ("http://shop.home.example:8080", "shop.home.example"),
        ("https://user:password@shop.home.example/", "shop.home.example"),
        ("//shop.home.example/x", "shop.home.example"),
        ("wss://shop.home.example./socket", "shop.home.example"),
        ("shop.home.example:443", "shop.home.example"),
        ("shop.home.example/cart", "shop.home.example"),
        ("shop.home.example.", "shop.home.example"),
        (" shop.home.example\n", "shop.home.example"),
        ("https://bücher.example/x", "xn--bcher-kva.example"),
        ("Bücher。example", "xn--bcher-kva.example"),
        ("https://[fd7a::1]:8080/", "fd7a::1"),
        ("[fd7a::1]", "fd7a::1"),
        ("fd7a::1", "fd7a::1"),
        ("web", "web"),
        ("web@docker", "web@docker"),
        ("my_app", "my_app"),
        ("https://", ""),
    ],
)
def test_host_name_is_found_in_what_is_pasted(pasted: str, subject: str) -> None:
    assert subject_of(pasted) == subject


@given(st.text(alphabet="ab.:/[]@#ü \\", max_size=30))
def test_subject_of_a_subject_is_itself(text: str) -> None:
    once = subject_of(text)

    assert subject_of(once) == once or not once.isascii() or ":" in once or " " in once
