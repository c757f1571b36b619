"""Where Docker listens: the forms of the setting, the certificates, and what the errors say."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from actors.adapters import docker_failure
from actors.adapters.docker import DockerEngine
from actors.adapters.docker_exec import GatewayEngine
from actors.adapters.docker_failure import is_mount_point
from actors.adapters.docker_tls import check_docker_tls
from constellation.errors import AdapterError, ConfigError
from constellation.monitor.docker_endpoint import DockerEndpoint, docker_endpoint
from constellation.settings.docker import DockerSettings
from rigs.docker_engine import PrivateDocker
from rigs.ports import free_port
from rigs.socket_proxy import socket_proxy
from tests.settings.loading import said_of

pytestmark = pytest.mark.xdist_group("docker engine")


@pytest.mark.case("D3")
@pytest.mark.parametrize(
    ("text", "has_tls", "endpoint"),
    [
        ("/var/run/docker.sock", False, DockerEndpoint(path="/var/run/docker.sock")),
        ("unix:///var/run/docker.sock", False, DockerEndpoint(path="/var/run/docker.sock")),
        ("Unix:///a:1", False, DockerEndpoint(path="/a:1")),
        ("tcp://socket-proxy:2375", False, DockerEndpoint(host="socket-proxy", port=2375)),
        ("tcp://socket-proxy", False, DockerEndpoint(host="socket-proxy", port=2375)),
        ("http://10.0.0.2:80/", False, DockerEndpoint(host="10.0.0.2", port=80)),
        ("tcp://[::1]:5000", False, DockerEndpoint(host="::1", port=5000)),
        ("tcp://docker", True, DockerEndpoint(host="docker", port=2376, is_tls=True)),
        ("https://docker", False, DockerEndpoint(host="docker", port=2376, is_tls=True)),
    ],
)
def test_forms_of_docker_host_are_read(text: str, has_tls: bool, endpoint: DockerEndpoint) -> None:
    assert docker_endpoint(text, has_tls=has_tls) == endpoint
    # What people see is accepted as a setting again.
    assert docker_endpoint(str(endpoint), has_tls=has_tls) == endpoint


@pytest.mark.case("D3")
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ssh://me@host", "SSH is not supported"),
        ("npipe:////./pipe/docker_engine", "Windows"),
        ("fd://", "daemon"),
        ("unix://var/run/docker.sock", "write unix:///var/run/docker.sock"),
        ("unix://", "not absolute"),
        ("socket-proxy:2375", "write tcp://socket-proxy:2375"),
        ("tcp://", "names no host"),
        ("tcp://host:0", "no port"),
        ("tcp://host:99999", "not valid"),
        ("tcp://host:port", "not valid"),
        ("tcp://user:secret@host:1", "only a host and a port"),
        ("tcp://host:1/v1.41", "only a host and a port"),
        ("udp://host:1", "udp:// is unknown"),
        ("", "empty"),
    ],
)
def test_what_no_client_can_use_is_refused_with_the_reason(text: str, words: str) -> None:
    said = said_of(f"docker.socket={text}")

    assert "docker.socket by --set: " in said
    assert words in said
    assert "secret" not in said.partition("(it is")[0]


# Certificates.


@dataclass
class Certificates:
    """A CA, and a certificate of 127.0.0.1 that it signed, for both ends."""

    ca: Path
    cert: Path
    key: Path

    def server(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, self.key)
        context.load_verify_locations(self.ca)
        context.verify_mode = ssl.CERT_REQUIRED
        return context

    def settings(self) -> dict[str, str]:
        files = {"ca": self.ca, "cert": self.cert, "key": self.key}
        return {f"tls_{name}_file": str(file) for name, file in files.items()}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    directory = tmp_path_factory.mktemp("tls")
    made = Certificates(directory / "ca.pem", directory / "cert.pem", directory / "key.pem")
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    made.ca.write_bytes(_certificate("ca", "ca", ca_key, ca_key))
    made.cert.write_bytes(_certificate("docker", "ca", key, ca_key))
    made.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    for file in (made.ca, made.cert, made.key):
        file.chmod(0o600)
    return made


def _certificate(
    subject: str, issuer: str, key: ec.EllipticCurvePrivateKey, signer: ec.EllipticCurvePrivateKey
) -> bytes:
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=subject == issuer, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()),
            critical=False,
        )
        .sign(signer, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


@pytest.mark.case("D3")
def test_files_of_tls_are_checked_at_the_start(certificates: Certificates, tmp_path: Path) -> None:
    good = certificates.settings()
    check_docker_tls(DockerSettings(socket="tcp://docker", **good))

    for wrong, words in [
        ({"tls_ca_file": "/nonexistent"}, "tls_ca_file /nonexistent cannot be read: No such file"),
        ({"tls_ca_file": str(certificates.key)}, "it must be a PEM certificate"),
        ({"tls_key_file": str(certificates.ca)}, "a PEM certificate and its key"),
        ({"tls_key_file": str(tmp_path)}, "cannot be read"),
    ]:
        with pytest.raises(ConfigError, match=words):
            check_docker_tls(DockerSettings(socket="tcp://docker", **{**good, **wrong}))
    assert "belong together" in said_of("docker.socket=tcp://d", "docker.tls_cert_file=/c")
    assert "is a Unix socket" in said_of("docker.tls_ca_file=/c")


@pytest.mark.case("S7")
def test_key_of_docker_that_other_users_can_read_is_refused(
    certificates: Certificates, tmp_path: Path
) -> None:
    key = tmp_path / "key.pem"
    key.write_bytes(certificates.key.read_bytes())
    key.chmod(0o644)
    files = {**certificates.settings(), "tls_key_file": str(key)}

    with pytest.raises(ConfigError, match=f"is open to every user of this host: chmod 0640 {key}"):
        check_docker_tls(DockerSettings(socket="tcp://docker", **files))


# Through a proxy of the real engine's socket.


def connected(port: int, **settings: object) -> DockerEngine:
    return DockerEngine(DockerSettings(**{"socket": f"tcp://127.0.0.1:{port}", **settings}))


@pytest.mark.case("D3")
class TestBehindAProxy:
    pytestmark: ClassVar = [pytest.mark.integration, pytest.mark.needs("docker"), pytest.mark.slow]

    @pytest.mark.parametrize("tls", [False, True])
    def test_containers_and_events_arrive(
        self,
        docker_engine: PrivateDocker,
        certificates: Certificates,
        monkeypatch: pytest.MonkeyPatch,
        tls: bool,
    ) -> None:
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
        port, files = free_port(), certificates.settings() if tls else {}
        context = certificates.server() if tls else None
        with socket_proxy(docker_engine.socket, port, tls=context):
            engine = connected(port, **files)
            stream = engine.open_events()
            container = docker_engine.run("behind-a-proxy")
            event = next(event for event in stream if event["Action"] == "start")
            stream.close()

            assert event["Actor"]["ID"] == container.id
            assert container.id in {row["Id"] for row in engine.list_containers()}
            assert engine.inspect(container.id) is not None
            engine.close()
        container.remove(force=True)

    @pytest.mark.parametrize("tls", [False, True])
    def test_commands_run_in_containers_and_are_cut_off(
        self, docker_engine: PrivateDocker, certificates: Certificates, tls: bool
    ) -> None:
        port, files = free_port(), certificates.settings() if tls else {}
        context = certificates.server() if tls else None
        container = docker_engine.run("behind-a-proxy")
        with socket_proxy(docker_engine.socket, port, tls=context):
            engine = GatewayEngine(DockerSettings(socket=f"tcp://127.0.0.1:{port}", **files))

            ended = engine.execute(container.id, ("sh", "-c", "yes | head -c 5000; exit 3"), 10.0)
            endless = engine.execute(container.id, ("sleep", "60"), 0.5)
            again = engine.execute(container.id, ("echo", "more"), 10.0)
            engine.close()

        assert (ended.code, len(ended.output)) == (3, 5000)
        assert endless.code is None
        assert (again.code, again.output) == (0, "more\n")

    def test_what_the_proxy_forbids_is_said_in_words(self, docker_engine: PrivateDocker) -> None:
        port = free_port()
        with socket_proxy(docker_engine.socket, port, forbidden=("/events",)) as proxy:
            engine = connected(port)
            with pytest.raises(AdapterError, match=r"/events was refused with code 403.*/events"):
                engine.open_events()
            engine.close()
            proxy.forbidden = ("/version",)
            with pytest.raises(AdapterError, match=r"/version was refused with code 403"):
                connected(port)

    def test_agent_does_without_what_a_proxy_may_forbid(
        self, docker_engine: PrivateDocker, capsys: pytest.CaptureFixture[str]
    ) -> None:
        port = free_port()
        container = docker_engine.run("behind-a-strict-proxy")
        forbidden = ("/info", "/networks")
        with socket_proxy(docker_engine.socket, port, forbidden=forbidden):
            engine = connected(port)
            facts = engine.info(), engine.info()
            found = engine.inspect(container.id)
            engine.close()
        container.remove(force=True)

        assert facts == ({}, {})
        assert found is not None
        assert "Driver" not in found["NetworkSettings"]["Networks"]["bridge"]
        said = capsys.readouterr().out
        assert said.count("/info was refused with code 403") == 1
        assert said.count("/networks was refused with code 403") == 1

    def test_mismatched_tls_is_said_in_words(
        self, docker_engine: PrivateDocker, certificates: Certificates
    ) -> None:
        port = free_port()
        with (
            socket_proxy(docker_engine.socket, port),
            pytest.raises(AdapterError, match="it does not speak TLS"),
        ):
            connected(port, tls_ca_file=str(certificates.ca))
        with (
            socket_proxy(docker_engine.socket, port, tls=certificates.server()),
            pytest.raises(AdapterError, match="certificate is not accepted"),
        ):
            connected(port, socket=f"https://127.0.0.1:{port}")


@pytest.mark.case("D3")
def test_away_docker_over_tcp_is_said_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()

    def unknown(*_: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.raises(AdapterError, match=rf"127.0.0.1:{port}: nobody listens there"):
        connected(port)
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(AdapterError, match=r"the name proxy\.invalid is not known here"):
        connected(port, socket="tcp://proxy.invalid:2375")


# A socket that is mounted as a file.


def refusal(path: Path) -> AdapterError:
    with pytest.raises(AdapterError) as caught:
        DockerEngine(DockerSettings(socket=str(path)))
    return caught.value


@pytest.mark.case("D7")
def test_stale_socket_that_is_mounted_as_a_file_says_to_mount_its_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"7 6 0:3 /run/docker.sock {path} rw - tmpfs tmpfs rw\n")

    assert "if it is mounted as a file, mount its directory" in refusal(path).fix
    monkeypatch.setattr(docker_failure, "MOUNTS", mounts)
    assert "mounted as a file, which Docker replaces" in refusal(path).why
    assert "mount the directory" in refusal(path).fix


@pytest.mark.case("D7")
def test_what_was_mounted_instead_of_a_socket_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert "Docker makes one if the file to mount does not exist" in refusal(tmp_path).why
    assert "not a socket" in refusal(tmp_path / "file").why


def test_mount_points_are_read_from_mountinfo() -> None:
    mounts = (
        "1 2 0:3 / / rw - ext4 /dev/sda rw\n3 1 0:4 /a /run/a\\040b.sock rw - tmpfs t rw\nbad\n"
    )

    assert is_mount_point("/run/a b.sock", mounts)
    assert not is_mount_point("/run", mounts)
