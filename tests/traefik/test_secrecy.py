"""What people see of the configuration contains no secret; everything else stays readable."""

from __future__ import annotations

import json
from typing import Any

import pytest

from constellation.traefik.secrecy import text_without_secrets, without_secrets
from constellation.traefik.views import Views

SECRET = "s3cr3t"


@pytest.mark.case("S11")
@pytest.mark.parametrize(
    "config",
    [
        {"basicAuth": {"users": [f"admin:$apr1${SECRET}"]}},
        {"digestAuth": {"users": [f"admin:realm:{SECRET}"]}},
        {"headers": {"customRequestHeaders": {"Authorization": f"Bearer {SECRET}"}}},
        {"headers": {"customRequestHeaders": {"X-Api-Key": SECRET}}},
        {"headers": {"customResponseHeaders": {"Set-Cookie": f"sid={SECRET}"}}},
        {"plugin": {"oidc": {"clientSecret": SECRET, "nested": [{"password": SECRET}]}}},
        {"plugin": {"crowdsec": {"crowdsecLapiKey": SECRET, "lapi": {"apiKey": SECRET}}}},
        {"forwardAuth": {"address": f"http://user:{SECRET}@auth:80/?token={SECRET}"}},
        {"rule": f"Host(`a.example`) && Header(`X-Token`, `{SECRET}`)"},
        {"rule": f'HeaderRegexp("Authorization", "{SECRET}") || Query(`api_key`, `{SECRET}`)'},
        {"rule": f"Headers(`Authorization`, `{SECRET}`)"},
        {"rule": f"HeadersRegexp (`X-Token`, `{SECRET}`) && Query(`api_key={SECRET}`)"},
    ],
)
def test_a_secret_of_a_label_is_not_shown(config: dict[str, Any]) -> None:
    shown = json.dumps(without_secrets(config))

    assert SECRET not in shown
    assert "(hidden)" in shown


@pytest.mark.parametrize(
    "config",
    [
        {"loadBalancer": {"sticky": {"cookie": {"name": "lb", "secure": True}}}},
        {"redirectScheme": {"scheme": "https", "permanent": True}},
        {"rule": "Host(`token.example`) && Header(`X-Version`, `2`) && Query(`a`, `b`)"},
        {"servers": [{"url": "http://100.64.0.2:8080", "weight": 2}]},
        {"ipAllowList": {"sourceRange": ["10.0.0.0/8"]}},
    ],
)
def test_what_is_no_secret_stays_as_it_is(config: dict[str, Any]) -> None:
    assert without_secrets(config) == config


def test_the_name_of_a_user_is_shown_without_the_hash() -> None:
    assert without_secrets({"users": ["admin:hash"]}) == {"users": ["admin:(hidden)"]}


def test_a_view_for_people_shows_no_hash_of_a_password() -> None:
    body = json.dumps({"http": {"middlewares": {"a": {"basicAuth": {"users": ["u:hash"]}}}}})

    rows = Views().rows(body.encode(), "/api/http/middlewares")

    assert rows == [{"name": "a", "basicAuth": {"users": ["u:(hidden)"]}}]


def test_a_sentence_about_an_address_shows_no_credentials() -> None:
    text = "the address http://user:pass@auth:80 has no path"

    assert text_without_secrets(text) == "the address http://(hidden)@auth:80 has no path"
