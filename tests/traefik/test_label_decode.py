"""Decodes elements from labels as Go does (strconv, time.ParseDuration)."""

from __future__ import annotations

from typing import Any

import pytest

from constellation.traefik.label_decode import LabelDecoder
from constellation.traefik.label_tree import label_tree
from constellation.traefik.rejection import Complaint
from constellation.traefik.schema.kinds import (
    Anything,
    Duration,
    Field,
    Flag,
    Kind,
    Rows,
    Struct,
    Table,
    Text,
    Texts,
    Whole,
)
from constellation.traefik.schema.middlewares import MIDDLEWARE
from messages.monitor import Label

STRUCT = Struct(
    (
        Field("flag", Flag()),
        Field("whole", Whole(at_least=-1, at_most=10)),
        Field("duration", Duration(otherwise="")),
        Field("odd", Duration("positive")),
        Field("useful", Whole(useful=(1, 5))),
        Field("lower", Text(form=str.lower)),
        Field("positive", Duration("positive", otherwise="")),
        Field("signed", Duration("any")),
        Field("text", Text()),
        Field("texts", Texts()),
        Field("some", Texts(at_least=1)),
        Field("table", Table(Text())),
        Field("rows", Rows(Struct((Field("main", Text()),)))),
        Field("plugin", Anything()),
        Field("kept", Struct((Field("on", Flag()),)), may_be_empty=True),
        Field("refused", Struct((Field("on", Flag()), Field("text", Text())))),
        Field("newer", Text(), since="3.4"),
        Field("strategy", Text(since=(("p2c", "3.5"),))),
    )
)


def read(
    version: str = "3.7", struct: Struct = STRUCT, *, passes_over: bool = False, **labels: Any
) -> tuple[dict[str, Any] | None, list[Complaint]]:
    given = [
        Label(name="traefik.x." + name.replace("__", "."), value=value)
        for name, value in labels.items()
    ]
    node = label_tree(given, []).find("x")
    assert node is not None
    complaints: list[Complaint] = []
    return LabelDecoder(version, complaints, passes_over=passes_over).element(
        struct, node
    ), complaints


def decode(version: str = "3.7", struct: Struct = STRUCT, **labels: Any) -> dict[str, Any]:
    made, complaints = read(version, struct, **labels)
    assert complaints == []
    assert made is not None
    return made


def refusal(version: str = "3.7", struct: Struct = STRUCT, **labels: Any) -> Complaint:
    made, (complaint,) = read(version, struct, **labels)
    assert made is None
    assert not complaint.is_sent
    return complaint


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("flag", "True", True),
        ("flag", "0", False),
        ("whole", "+10", 10),
        ("whole", "-1", -1),
        ("duration", "90", "90s"),
        ("duration", "007", "7s"),
        ("duration", "1h30m", "1h30m"),
        ("duration", ".5s", ".5s"),
        ("duration", "0", "0s"),
        ("duration", "2562047h", "2562047h"),
        ("signed", "-1ms", "-1ms"),
        ("text", "a, b", "a, b"),
        ("texts", " a , b,c ", ["a", "b", "c"]),
        ("table__X-A", "", {"X-A": ""}),
        ("texts", "", []),
        ("refused__text", "", {"text": ""}),
        ("lower", "HTTP", "http"),
        ("rows[0]__main", "a", [{"main": "a"}]),
        ("plugin__demo__a", "b", {"demo": {"a": "b"}}),
        ("plugin__demo__a[0]", "b", {"demo": {"a": ["b"]}}),
        ("kept", "true", {}),
        ("kept", "", {}),
        ("kept__on", "false", {"on": False}),
        ("FLAG", "true", True),
    ],
)
def test_a_value_is_parsed_as_in_go(name: str, text: str, value: object) -> None:
    labels: dict[str, Any] = {name: text}

    (found,) = decode(**labels).values()

    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(("name", "text"), [("text", ""), ("texts", ""), ("kept", "false")])
def test_a_label_without_effect_is_left_out(name: str, text: str) -> None:
    labels: dict[str, Any] = {name: text, "flag": "true"}

    assert decode(**labels) == {"flag": True}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("flag", "yes"),
        ("flag", ""),
        ("whole", "11"),
        ("whole", "-2"),
        ("whole", "1.0"),
        ("whole", "\u0661"),
        ("whole", "1" * 30),
        ("duration", "1 s"),
        ("duration", "\u0661s"),
        ("duration", "2562048h"),
        ("duration", "9999999999999h"),
        ("duration", "-1s"),
        ("duration", ""),
        ("positive", "0s"),
        ("positive", "0"),
        ("some", ""),
        ("texts", "a\u2551b"),
        ("text__below", "x"),
        ("table__X__Y", "x"),
        ("rows__main", "x"),
        ("rows[a]__main", "x"),
        ("plugin[0]", "x"),
        ("plugin", "x"),
        ("plugin__demo__a", "\u2551"),
        ("plugin__demo__" + "k" * 300, "x"),
        ("refused", "true"),
        ("text", "\ud800"),
        ("unknown", "x"),
    ],
)
def test_a_value_that_traefik_would_refuse_is_refused(name: str, text: str) -> None:
    labels: dict[str, Any] = {"flag": "true", name: text}

    complaint = refusal(**labels)

    assert complaint.label.startswith(f"traefik.x.{name.partition('_')[0].partition('[')[0]}")
    assert complaint.remedy


def test_a_missing_required_key_is_named() -> None:
    struct = Struct((Field("a", Text(), required=True), Field("b", Text())))

    assert refusal(struct=struct, b="x").reason == "the option a is missing"
    assert refusal(struct=struct, b="x", a="").reason == "the option a is missing"


@pytest.mark.case("O6")
def test_all_faults_of_an_element_are_told_at_once_with_the_nearest_option() -> None:
    made, complaints = read(
        flg="true", whole="a", refused__txet="a", odd="0s", texts="a", useful="9", table__X__y="a"
    )

    assert made is None
    assert {one.label.removeprefix("traefik.x."): one.remedy for one in complaints} == {
        "flg": "did you mean flag?",
        "whole": "correct the value",
        "refused.txet": "did you mean text?",
        "odd": "use a longer duration",
        "useful": "write a number from 1 to 5",
        "table.X.y": "remove what follows its name",
    }


@pytest.mark.case("R12")
@pytest.mark.parametrize(("name", "text"), [("odd", "0s"), ("odd", "-1s"), ("useful", "0")])
def test_a_value_that_traefik_takes_is_sent_with_a_warning(name: str, text: str) -> None:
    given: dict[str, Any] = {name: text}

    made, (complaint,) = read(**given)

    assert made is not None
    assert str(made[name]) == text
    assert complaint.is_sent


@pytest.mark.parametrize(
    ("labels", "since"), [({"newer": "x"}, "3.4"), ({"strategy": "p2c"}, "3.5")]
)
def test_a_key_of_a_later_version_is_an_error(labels: dict[str, Any], since: str) -> None:
    assert since in refusal("3.3", **labels).reason
    assert decode(since, **labels) == labels


def test_a_key_of_a_later_version_is_left_out_if_allowed() -> None:
    made, complaints = read("3.0", passes_over=True, newer="a")

    assert made == {}
    assert [one.label for one in complaints] == ["traefik.x.newer"]


def test_every_kind_of_value_is_covered() -> None:
    assert {type(field.kind) for field in STRUCT.fields} == set(Kind.__args__)


@pytest.mark.parametrize(
    ("middleware", "required", "value"),
    [
        ("basicauth", "users", "joe:$apr1$H6uskkkW$IgXLP6ewTrSuBkTrqE8wj/"),
        ("digestauth", "users", "joe:traefik:a2688e031edb4be6a3797f3882655c05"),
        ("forwardauth", "address", "http://auth.example.org"),
    ],
    ids=["basic", "digest", "forward"],
)
def test_the_header_for_an_authenticated_user_must_have_a_valid_name(
    middleware: str, required: str, value: str
) -> None:
    labels: dict[str, Any] = {
        f"{middleware}__{required}": value,
        f"{middleware}__headerfield": "X-User",
    }

    (made,) = decode(struct=MIDDLEWARE, **labels).values()
    _, (complaint,) = read(struct=MIDDLEWARE, **{**labels, f"{middleware}__headerfield": "X User"})

    assert made["headerField"] == "X-User"
    assert "is not the name of a header" in complaint.reason
