"""The certificates for a Docker Engine behind TLS."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from actors.adapters.secret_file import check_secret_file
from constellation.errors import ConfigError
from constellation.settings.docker import DockerSettings

if TYPE_CHECKING:
    from docker.tls import TLSConfig


def check_docker_tls(settings: DockerSettings) -> None:
    """Refuse files of TLS that cannot be used.

    Raises:
        ConfigError: one of them cannot be read, or is not what its setting says; or every user can
            read the key.
    """
    if settings.enabled and settings.endpoint.is_tls:
        context = ssl.create_default_context()
        if settings.tls_ca_file:
            with _refusing(f"docker.tls_ca_file {settings.tls_ca_file}", "a PEM certificate"):
                context.load_verify_locations(settings.tls_ca_file)
        if settings.tls_cert_file:
            check_secret_file(
                Path(settings.tls_key_file), what="Docker's key", setting="docker.tls_key_file"
            )
            names = f"docker.tls_cert_file {settings.tls_cert_file} and its tls_key_file"
            with _refusing(names, "a PEM certificate and its key, without a password"):
                # A password is not asked for: the agent has no terminal.
                context.load_cert_chain(settings.tls_cert_file, settings.tls_key_file, lambda: "")


def tls_config(settings: DockerSettings) -> TLSConfig | bool:
    """Return what the client of Docker needs; false: no TLS."""
    if not settings.endpoint.is_tls:
        return False
    # Not above: every start checks the settings, and few need the client, which is large.
    from docker.tls import TLSConfig  # noqa: PLC0415

    pair = None
    if settings.tls_cert_file and settings.tls_key_file:
        pair = (settings.tls_cert_file, settings.tls_key_file)
    return TLSConfig(client_cert=pair, ca_cert=settings.tls_ca_file, verify=True)


@contextmanager
def _refusing(name: str, expected: str) -> Iterator[None]:
    """Turn an error in the block into one that names the setting."""
    try:
        yield
    except ssl.SSLError:
        raise ConfigError(f"{name}: it must be {expected}") from None
    except OSError as error:
        raise ConfigError(
            f"{name} cannot be read: {error.strerror}; correct the path, or let this user read it"
        ) from None
