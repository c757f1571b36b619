"""Types that all elements of the model share: versions, empty objects, Go's values."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, model_validator

VERSIONS = ("3.0", "3.1", "3.2", "3.3", "3.4", "3.5", "3.6", "3.7")


class Since:
    """The minor version that first had the key."""

    def __init__(self, version: str) -> None:
        self.version = version


class AllowEmpty:
    """The tag `file:"allowEmpty"`: `{}` means something there."""


class Element(BaseModel):
    """A struct that Traefik decodes."""

    model_config = ConfigDict(extra="forbid", strict=True)

    @model_validator(mode="after")
    def check_keys(self, info: ValidationInfo) -> Element:
        """Refuse keys that came later, and empty objects."""
        version = (info.context or {}).get("version", VERSIONS[-1])
        for name in self.model_fields_set:
            tags = type(self).model_fields[name].metadata
            for tag in tags:
                if isinstance(tag, Since) and is_later(tag.version, version):
                    raise ValueError(f"field not found, node: {name}")
            value = getattr(self, name)
            is_empty = value == {} or (isinstance(value, Element) and not value.model_fields_set)
            if value is None or (is_empty and not any(isinstance(tag, AllowEmpty) for tag in tags)):
                raise ValueError(f"{name} cannot be a standalone element")
        return self


def is_later(version: str, than: str) -> bool:
    return VERSIONS.index(version) > VERSIONS.index(than)


def _check_duration(text: str) -> str:
    """time.ParseDuration, or seconds."""
    parts = re.findall(r"([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|ms|s|m|h)", text)
    if "".join(number + unit for number, unit in parts) != text.lstrip("+-") or not parts:
        raise ValueError("time: invalid duration")
    nanoseconds = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9}
    nanoseconds |= {"m": 60 * 10**9, "h": 3600 * 10**9}
    if sum(float(number) * nanoseconds[unit] for number, unit in parts) >= 2**63:
        raise ValueError("time: invalid duration")
    return text


Duration = Annotated[str, AfterValidator(_check_duration)]
Int = Annotated[int, Field(ge=-(2**63), lt=2**63)]
Item = Annotated[str, Field(pattern="^[^║]*$")]  # Traefik joins items by ║ internally
Items = list[Item]
Raw = Any
