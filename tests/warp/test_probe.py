"""A probe against containers in memory: which step fails, and what was seen."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constellation.warp.commands import CLIENTS, STATUS_OF_WARP, Ran
from constellation.warp.page import read_page
from constellation.warp.probe import PROBE_S, Probe, ProbePolicy
from messages.warp import WarpState

HOST = "198.51.100.7"
EGRESS = "104.28.1.2"
ON = f"fl=1\nip={EGRESS}\nuag=a=b\nwarp=on\ngateway=off\n"
TRACES = ("https://one.example/trace", "https://two.example/trace")
PLAIN = ("https://plain.example",)
POLICY = ProbePolicy(TRACES, PLAIN, timeout_s=4, ranges=("104.28.0.0/16",))


@dataclass
class Container:
    """Answers commands: `pages` are what each URL gives, `programs` what is installed."""

    pages: dict[str, str] = field(default_factory=dict)
    programs: tuple[str, ...] = ("curl",)
    options: tuple[str, ...] = ("-T", "-t")
    status: str = ""
    ran: list[tuple[str, ...]] = field(default_factory=list)

    def run(self, command: tuple[str, ...]) -> Ran:
        self.ran.append(command)
        if command == STATUS_OF_WARP:
            return Ran(0, self.status) if self.status else Ran(127)
        needed = {"timeout", "wget"} if command[0] == "timeout" else {command[0]}
        if lacking := needed - {*self.programs}:
            return Ran(127, errors=f"{lacking}: not found")
        if "wget" in command and "-T" in command and "-T" not in self.options:
            return Ran(1, errors="wget: invalid option -- 'T'\nUsage: wget URL")
        if command[-1] in self.pages:
            return Ran(0, self.pages[command[-1]])
        return Ran(7, errors="something\nconnection refused\n")


def probed(container: Container, own: tuple[str, ...] = (HOST,), client: int = 0) -> WarpState:
    probe = Probe("gate", POLICY, frozenset(own), client=client, now_s=0.0)
    while command := probe.next_command(1.0):
        probe.ran(container.run(command))
    assert probe.state is not None
    return probe.state


@pytest.mark.case("N7")
@pytest.mark.parametrize(
    ("pages", "own", "step", "seen"),
    [
        pytest.param({TRACES[0]: ON}, (HOST,), "", "", id="on"),
        pytest.param({TRACES[0]: ON.replace("=on", "=plus")}, (HOST,), "", "", id="plus"),
        pytest.param({TRACES[1]: ON}, (), "", "", id="second page, host not known"),
        pytest.param(
            {url: ON.replace("=on", "=off") for url in TRACES},
            (HOST,),
            "warp",
            "warp=off",
            id="off",
        ),
        pytest.param(
            {TRACES[0]: ON.replace(EGRESS, HOST)}, (HOST,), "leak", HOST, id="on, and it leaks"
        ),
        pytest.param(
            {TRACES[0]: "ip=1.2.3.4\nloc=DE\n", PLAIN[0]: EGRESS},
            (HOST,),
            "page",
            "no line warp=: 'ip=1.2.3.4 loc=DE'",
            id="page without the line, although an address service would answer",
        ),
        pytest.param({TRACES[0]: "<p>", TRACES[1]: ON}, (HOST,), "", "", id="one page changed"),
        pytest.param({TRACES[0]: ON + "warp=off"}, (HOST,), "page", "no line", id="both values"),
        pytest.param({PLAIN[0]: f"{EGRESS}\n"}, (HOST,), "", "", id="by the address alone"),
        pytest.param({PLAIN[0]: HOST}, (HOST,), "leak", HOST, id="the host's address"),
        pytest.param(
            {PLAIN[0]: EGRESS},
            ("2001:db8::1",),
            "address",
            "IPv4 address is not known",
            id="unknown",
        ),
        pytest.param({PLAIN[0]: "<p>"}, (HOST,), "egress", "but '<p>'", id="no address"),
        pytest.param({}, (HOST,), "egress", "one.example: connection refused", id="no egress"),
    ],
)
def test_which_pages_make_a_gateway_healthy(
    pages: dict[str, str], own: tuple[str, ...], step: str, seen: str
) -> None:
    state = probed(Container(pages), own)

    assert (state.step, state.health) == (step, "unhealthy" if step else "healthy")
    assert seen in state.reason
    assert state.egress_ip == ("" if step else EGRESS)


@pytest.mark.parametrize(
    ("programs", "options", "works"),
    [
        (("curl", "wget"), ("-T",), 0),
        (("wget",), ("-T",), 1),
        (("timeout", "wget"), (), 2),
        (("busybox",), ("-T",), 3),
        (("busybox",), (), 4),
        (("sh",), ("-T",), None),
        (("wget",), (), None),
    ],
)
def test_first_client_that_works_is_used_and_remembered(
    programs: tuple[str, ...], options: tuple[str, ...], works: int | None
) -> None:
    container = Container({TRACES[0]: ON}, programs, options)
    probe = Probe("gate", POLICY, frozenset(), client=0, now_s=0.0)
    while command := probe.next_command(1.0):
        probe.ran(container.run(command))

    assert probe.state is not None
    if works is None:
        assert (probe.state.step, len(container.ran)) == ("client", len(CLIENTS))
    else:
        assert (probe.state.health, probe.client) == ("healthy", works)
        again = Container({TRACES[0]: ON}, programs, options)
        assert probed(again, client=works).health == "healthy"
        assert len(again.ran) == 1


def test_reason_ends_with_what_warp_says_and_is_never_too_long() -> None:
    status = "Status update: Disconnected\nReason: Registration Missing " + "x" * 500
    pages = dict.fromkeys(TRACES, "y" * 4000)

    state = probed(Container(pages, status=status))

    assert "; warp-cli: Status update: Disconnected Reason: Registration Missing" in state.reason
    assert len(state.reason) <= 512


@pytest.mark.parametrize(
    ("refused", "step"),
    [
        ("the request was refused with code 403", "exec"),
        ("Container 6a1f is not running", "container"),
        ("Container gate is paused, unpause the container before exec", "container"),
    ],
)
def test_refused_command_ends_the_probe(refused: str, step: str) -> None:
    probe = Probe("gate", POLICY, frozenset(), client=0, now_s=0.0)
    assert probe.next_command(0.0)

    probe.ran(Ran(refused=refused))

    assert probe.next_command(0.0) is None
    assert probe.state is not None
    assert probe.state.step == step
    assert refused in probe.state.reason


def test_probe_that_takes_too_long_ends_with_what_it_has_seen() -> None:
    probe = Probe("gate", POLICY, frozenset(), client=0, now_s=0.0)
    assert probe.next_command(0.0)
    probe.ran(Ran(None))

    command = probe.next_command(PROBE_S)

    assert command == STATUS_OF_WARP
    assert probe.state is not None
    assert "one.example: no answer in time; no time for more" in probe.state.reason


def test_address_outside_the_known_networks_is_noted_and_no_fault() -> None:
    usual, other = ON, ON.replace(EGRESS, "192.0.2.9")

    assert probed(Container({TRACES[0]: usual})).note == ""
    noted = probed(Container({TRACES[0]: other}))
    assert (noted.health, noted.egress_ip) == ("healthy", "192.0.2.9")
    assert "none of the networks" in noted.note


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    page = read_page(text)

    assert page.shown.isprintable()
    assert "warp=" in text.lower().replace(" ", "") or not page.warp
