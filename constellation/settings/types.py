"""The base of all groups of settings, and the value types that they share."""

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

from constellation.settings.addresses import checked_bind_ip, checked_host_port, checked_ip

_DOMAIN = re.compile(
    r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*"
)
NAME_PATTERN = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def _check_name(value: str) -> str:
    if not NAME_PATTERN.fullmatch(value):
        raise ValueError(
            f"{value!r} is not a DNS label: use 1 to 63 characters of a-z, 0-9 and '-', "
            "starting and ending with a letter or digit"
        )
    return value


def _check_path(value: str) -> str:
    if "\0" in value:
        raise ValueError("it contains a NUL character: write the path of a file")
    if value.startswith("~"):
        raise ValueError(f"{value!r}: ~ is not expanded here; write the whole path")
    return value


def _check_domain(value: str) -> str:
    if not _DOMAIN.fullmatch(value):
        bare = value.strip().lower().removeprefix("*").strip(".")
        hint = f"write {bare}" if _DOMAIN.fullmatch(bare) else "e.g. home.example"
        raise ValueError(f"{value!r:.80} is not a domain name in lower case, {hint}")
    return value


Name = Annotated[str, AfterValidator(_check_name)]
Domain = Annotated[str, AfterValidator(_check_domain)]
FilePath = Annotated[str, AfterValidator(_check_path)]
IpAddress = Annotated[str, AfterValidator(checked_ip)]
BindAddress = Annotated[str, AfterValidator(checked_bind_ip)]
HostPort = Annotated[str, AfterValidator(checked_host_port)]
Port = Annotated[int, Field(ge=1, le=65535)]

CLUSTER_KEY_CHARACTERS_MIN = 32
DURATION_MIN_S = 0.001
DURATION_MAX_S = 366 * 86_400.0  # far below what the timers of Python and of the kernel can hold


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

    @field_validator("*")
    @classmethod
    def check_durations(cls, value: object, info: ValidationInfo) -> object:
        """Refuse a time that no timer can keep."""
        if not (info.field_name or "").endswith("_s") or not isinstance(value, float):
            return value
        if 0 < value < DURATION_MIN_S:
            raise ValueError(f"must be {DURATION_MIN_S} or more")
        if value > DURATION_MAX_S:
            raise ValueError(f"must be at most {DURATION_MAX_S:.0f}, which is a year")
        return value
