"""The plan of one instance: which elements its labels define, and what is wrong with them.

A plan depends on the settings and a `Planned` alone, which is little of an instance's state, and
not on its node or on other services.  The service that an instance has without labels is called ""
here; it gets its name when all services are known.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

from constellation.settings.traefik import TraefikSettings
from constellation.traefik.elements import (
    Element,
    ElementKey,
    Middleware,
    Protocol,
    Router,
    Service,
    Wish,
)
from constellation.traefik.known_protocols import (
    KnownProtocol,
    known_protocol,
    protocol_of_image,
)
from constellation.traefik.labels import Asked, TraefikLabels, read_labels
from constellation.traefik.outside import (
    bare_names,
    foreign_names,
    own_name,
    unknown_plugin,
    unknown_provider,
)
from constellation.traefik.reach import serves_no_http
from constellation.traefik.rejection import Complaint
from constellation.traefik.router_faults import router_faults
from constellation.traefik.schema.addresses import INSTEAD
from constellation.traefik.schema.kinds import Fault
from constellation.value import Value
from messages.monitor import Label, ServiceState

IMPLIED = ""  # the service of an instance whose labels define none
COMPLAINTS_MAX = 32  # of one instance
EMPTY: tuple[object, ...] = ("", [])  # labels without a value

_IN_SERVER = {"http": ("weight", "preservePath"), "tcp": ("tls",), "udp": ()}


class Planned(NamedTuple):
    """Everything of an instance that its plan depends on.

    Attributes:
        labels: of its container.
        of_image: the protocol that its image implies; None: none.
        serves_http: a port may speak HTTP, as far as is known.
    """

    labels: tuple[Label, ...]
    of_image: KnownProtocol | None
    serves_http: bool

    @property
    def content(self) -> Hashable:
        """Equal for equal instances."""
        protocol = self.of_image.name if self.of_image is not None else ""
        return (protocol, self.serves_http, self.labels)


def planned(state: ServiceState) -> Planned:
    """Return what the plan of an instance depends on."""
    return Planned(state.labels, protocol_of_image(state.image), not serves_no_http(state))


class InstancePlan(Value, weakref=True):
    """What one instance contributes.

    Attributes:
        elements: by their names in labels; the implied service is called "".
        default_service: the service of its default HTTP routers; None: it has no such router.
        known_protocol: the protocol of its default TCP router; None: it has no such router.
        complaints: what was left out or will not work, and why.
        elsewhere: what will not work on other nodes, if the cluster has any.
    """

    elements: tuple[tuple[ElementKey, Element], ...] = ()
    default_service: str | None = None
    known_protocol: KnownProtocol | None = None
    complaints: tuple[Complaint, ...] = ()
    elsewhere: tuple[Complaint, ...] = ()


def plan_instance(of: Planned, settings: TraefikSettings) -> InstancePlan:
    """Return the plan of one instance."""
    labels = read_labels(of.labels, settings.version)
    if not labels.enabled:
        return InstancePlan(complaints=_the_first(labels.complaints))
    return _Planner(of, settings, labels).plan()


class _Planner:
    def __init__(self, of: Planned, settings: TraefikSettings, labels: TraefikLabels) -> None:
        self._of = of
        self._settings = settings
        self._labels = labels
        self._elements: dict[ElementKey, Element] = {}
        self._complaints = list(labels.complaints)

    def plan(self) -> InstancePlan:
        known = self._known_protocol()
        self._check_providers()
        for protocol in ("http", "tcp", "udp"):
            if self._labels.asks_for(protocol) or (protocol == "http" and self._serves_http()):
                self._services(protocol)
                self._routers(protocol)
            self._middlewares(protocol)
        if known is not None:
            wish = Wish(port=known.port)
            self._elements[ElementKey("tcp", "services", IMPLIED)] = self._implied("tcp", wish)
        return InstancePlan(
            elements=tuple(self._elements.items()),
            default_service=self._default_service(),
            # A label that cannot be read may have been meant to guard the port.
            known_protocol=None if self._labels.mentions("tcp") else known,
            complaints=_the_first(self._complaints),
            elsewhere=_the_first(self._elsewhere()),
        )

    def _check_providers(self) -> None:
        """Warn of names of providers that Traefik is not known to have."""
        if not any("@" in label.value for label in self._of.labels):
            return  # nearly always
        for elements in self._labels.asked.values():
            for asked in elements.values():
                for option, name in foreign_names(asked.read):
                    if fault := unknown_provider(name, self._settings):
                        self._complain(asked, option, fault)

    def _elsewhere(self) -> list[Complaint]:
        """Return the warnings of addresses that only the own node knows."""
        return [
            Complaint(
                asked.label_of(name.option),
                f"other nodes do not know {name.host!r}, and each node's Traefik asks for it",
                INSTEAD,
                is_sent=True,
            )
            for asked in self._labels.of("http", "middlewares").values()
            for name in bare_names(asked.read)
        ]

    def _is_routed(self, protocol: Protocol) -> bool:
        """Return whether default routers must not lead here, as they have no middlewares."""
        if protocol == "http":
            return self._labels.is_routed and self._settings.default_routes == "unrouted"
        return self._labels.mentions(protocol)

    def _serves_http(self) -> bool:
        is_stream_only = self._labels.mentions("tcp") or self._labels.mentions("udp")
        return not is_stream_only and self._of.serves_http

    def _known_protocol(self) -> KnownProtocol | None:
        if self._labels.asks_for("tcp"):
            return None  # its labels define what is routed
        found = known_protocol(self._of.of_image, self._labels.known_protocol)
        if isinstance(found, Complaint):
            self._complaints.append(found)
            return None
        entry_points = self._settings.all_entry_points
        return found if found is not None and found.name in entry_points else None

    def _services(self, protocol: Protocol) -> None:
        asked = self._labels.of(protocol, "services")
        for name, service in asked.items():
            if service.config is not None:
                label = f"traefik.{protocol}.services.{name}.loadbalancer.server.port"
                key = ElementKey(protocol, "services", name)
                self._elements[key] = self._split(protocol, service.config, label)
        if not asked:
            key = ElementKey(protocol, "services", IMPLIED)
            self._elements[key] = self._implied(protocol, Wish())

    def _split(self, protocol: Protocol, asked: dict[str, Any], label: str) -> Service:
        """Return the service, with its server split off: that depends on the node."""
        balancer = dict(asked.get("loadBalancer", {}))
        server = balancer.pop("server", {})
        wish = Wish(
            port=int(server.get("port", "").partition("/")[0] or 0),
            scheme=server.get("scheme", ""),
            url=server.get("url", ""),
            label=label,
            options={name: server[name] for name in _IN_SERVER[protocol] if name in server},
        )
        middlewares = tuple(own_name(reference) for reference in asked.get("middlewares", ()))
        is_routed = self._is_routed(protocol)
        return Service({"loadBalancer": balancer}, wish, middlewares, is_routed)

    def _implied(self, protocol: Protocol, wish: Wish) -> Service:
        return Service({"loadBalancer": {}}, wish, is_routed=self._is_routed(protocol))

    def _middlewares(self, protocol: Protocol) -> None:
        for name, asked in self._labels.of(protocol, "middlewares").items():
            if asked.config is None:
                continue
            plugins = asked.config.get("plugin", {})
            unknown = sorted(set(plugins) - set(self._settings.plugins))
            for plugin in unknown:
                fault = unknown_plugin(plugin, self._settings)
                self._complain(asked, f"plugin.{plugin}", fault)
            if unknown:
                continue
            key = ElementKey(protocol, "middlewares", name)
            self._elements[key] = Middleware(_with_own_names(asked.config))

    def _routers(self, protocol: Protocol) -> None:
        for name, asked in self._labels.of(protocol, "routers").items():
            config = {option: value for option, value in asked.read.items() if value not in EMPTY}
            if asked.config is None:
                for option, fault in router_faults(protocol, config, self._settings, is_part=True):
                    self._complain(asked, option, fault)
                continue
            service = self._service_of(protocol, asked, own_name(config.pop("service", "")))
            faults = router_faults(protocol, config, self._settings)
            for option, fault in faults:
                self._complain(asked, option, fault)
            if service is None or any(not fault.is_sent for _, fault in faults):
                continue
            middlewares = tuple(own_name(ref) for ref in config.pop("middlewares", ()))
            if config.get("ruleSyntax") != "v2":
                config.pop("ruleSyntax", None)
            key = ElementKey(protocol, "routers", name)
            self._elements[key] = Router(config, service, middlewares)

    def _service_of(self, protocol: Protocol, asked: Asked, wanted: str) -> str | None:
        """Return the service that the router leads to; None: it is ambiguous."""
        if wanted:
            return wanted
        services = self._labels.of(protocol, "services")
        if len(services) > 1:
            reason = "several services are defined, and the router does not name one"
            fault = Fault(reason, "add the option service to the router")
            self._complain(asked, "", fault)
            return None
        return next(iter(services), IMPLIED)

    def _default_service(self) -> str | None:
        """Return the service of the default HTTP routers; None: there are no such routers."""
        services = self._labels.of("http", "services")
        is_routed = self._labels.is_routed
        wanted = {"unrouted": not is_routed, "all": True, "none": False}
        if not wanted[self._settings.default_routes]:
            return None
        if not services:
            has_implied = ElementKey("http", "services", IMPLIED) in self._elements
            return IMPLIED if has_implied else None
        if len(services) == 1:
            (name,) = services
            return name if ElementKey("http", "services", name) in self._elements else None
        if not is_routed:
            reason = f"its labels define {len(services)} services and no router"
            remedy = "give each service a router"
            self._complaints.append(Complaint("traefik.http.services", reason, remedy))
        return None

    def _complain(self, asked: Asked, option: str, fault: Fault) -> None:
        label = asked.label_of(option)
        self._complaints.append(Complaint(label, fault.reason, fault.remedy, fault.is_sent))


def _the_first(complaints: Sequence[Complaint]) -> tuple[Complaint, ...]:
    """Return the first complaints, so that one container cannot fill the list.

    What is left out comes before what is only warned of.
    """
    complaints = sorted(complaints, key=lambda complaint: complaint.is_sent)
    if len(complaints) <= COMPLAINTS_MAX:
        return tuple(complaints)
    rest = f"{len(complaints) - COMPLAINTS_MAX} more of its labels do not work"
    return (*complaints[:COMPLAINTS_MAX], Complaint("", rest, "correct the listed ones first"))


def _with_own_names(config: dict[str, Any]) -> dict[str, Any]:
    """Return the middleware with `own_name` applied to its references."""
    if "chain" in config:
        return {"chain": {"middlewares": [own_name(n) for n in config["chain"]["middlewares"]]}}
    if "errors" in config:
        errors = config["errors"]
        return {"errors": {**errors, "service": own_name(errors["service"])}}
    return config
