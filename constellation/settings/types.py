"""The base of all groups of settings, and the value types that they share."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
)

NAME_PATTERN = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
TAILSCALE = "tailscale"  # instead of an address: this machine's tailnet address
_HOST_PART = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_PORT = re.compile(r"[0-9]{1,5}")  # `isdigit` is true of digits that `int` refuses


def _check_name(value: str) -> str:
    if not NAME_PATTERN.fullmatch(value):
        raise ValueError(
            f"{value!r} is not a DNS label: use 1 to 63 characters of a-z, 0-9 and '-', "
            "starting and ending with a letter or digit"
        )
    return value


def _check_host_name(value: str) -> str:
    name = value.lower().removesuffix(".")
    if len(name) > 253 or not all(_HOST_PART.fullmatch(part) for part in name.split(".")):
        raise ValueError(
            f"{value!r} is not a host name: write it without scheme and port, "
            "e.g. alpha.example.org"
        )
    return name


def _check_ip(value: str) -> str:
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise ValueError(f"{value!r} is not an IP address, e.g. 100.64.0.1") from None


def _check_bind_ip(value: str) -> str:
    if value == TAILSCALE:
        return value
    address = ipaddress.ip_address(_check_ip(value))
    if address.is_unspecified:
        raise ValueError(
            f"{value} would listen on every interface: use this node's tailnet address"
        )
    if address.version == 6 and address.scope_id is not None:
        raise ValueError(
            f"{value} is of one interface of this host: use this node's tailnet address"
        )
    return value


def _check_host_port(value: str) -> str:
    host, separator, port = value.rpartition(":")
    if not separator or not host or not _PORT.fullmatch(port) or not 0 < int(port) < 65536:
        raise ValueError(f"{value!r} is not host:port, e.g. 100.64.0.2:7946")
    return value


Name = Annotated[str, AfterValidator(_check_name)]
HostName = Annotated[str, AfterValidator(_check_host_name)]
IpAddress = Annotated[str, AfterValidator(_check_ip)]
BindAddress = Annotated[str, AfterValidator(_check_bind_ip)]
HostPort = Annotated[str, AfterValidator(_check_host_port)]
Port = Annotated[int, Field(ge=1, le=65535)]


class Group(BaseModel):
    """A group of settings: frozen; unknown names and infinite numbers are refused."""

    # Input stays out of errors, and so out of logs: it may be the cluster key.
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_default=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )

    @field_validator("*", mode="before")
    @classmethod
    def check_numbers(cls, value: object, info: ValidationInfo) -> object:
        """Refuse `port = true`, which Python accepts as 1."""
        field = cls.model_fields[info.field_name or ""]
        if isinstance(value, bool) and field.annotation in {int, float}:
            raise ValueError("must be a number")
        return value
