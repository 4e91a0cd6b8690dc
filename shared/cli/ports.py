"""The ports of the workers of `chatia up`: those of the settings, or else free ones."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from shared.cli.errors import ConflictError, InvalidUsageError
from shared.embedded import ready
from shared.settings import Settings

FIRST_HEALTH_PORT = 8081
WEBHOOK_PORT = 8088
LAST_PORT = 65_535

IsFree = Callable[[int], bool]


@dataclass(frozen=True, slots=True)
class Ports:
    """The health port of each service's worker, and the port of the webhooks."""

    health: Mapping[str, int]
    webhooks: int

    def build_environment(self, service: str) -> dict[str, str]:
        """Return the variables that give a service's worker its ports."""
        webhooks = self.webhooks if service == "messages" else 0
        return {
            "CHATIA_HEALTH_PORT": str(self.health[service]),
            "CHATIA_WEBHOOK_PORT": str(webhooks),
        }


def check_ports(
    settings: Settings,
    services: Sequence[str],
    is_free: IsFree = ready.is_free_on_all_addresses,
) -> None:
    """Check the ports that the settings name.

    Raises InvalidUsageError for impossible ones, and ConflictError for one that is taken.
    """
    first, webhooks = settings.health.port, settings.webhooks.port
    health = _list_health_ports(first, services)
    if health and max(health.values()) > LAST_PORT:
        raise InvalidUsageError(
            f"CHATIA_HEALTH_PORT is {first}, and the {len(services)} workers use the ports from it "
            f"on: set it to at most {LAST_PORT - len(services) + 1}."
        )
    if webhooks and webhooks in health.values():
        raise InvalidUsageError(
            f"CHATIA_WEBHOOK_PORT is {webhooks}, which is a health port too: the {len(services)} "
            f"workers use the ports from CHATIA_HEALTH_PORT, {first}, on. Set one of them to "
            "another port."
        )
    for service, port in health.items():
        if not is_free(port):
            raise ConflictError(
                f"Port {port}, for the health of {service}, is taken: set CHATIA_HEALTH_PORT to "
                f"the first of {len(services)} free ports in a row, or leave it out."
            )
    if webhooks and not is_free(webhooks):
        raise ConflictError(
            f"Port {webhooks} is taken: set CHATIA_WEBHOOK_PORT to another one, or leave it out."
        )


def choose_ports(
    settings: Settings,
    services: Sequence[str],
    is_free: IsFree = ready.is_free_on_all_addresses,
) -> Ports:
    """Return the ports of the settings; without them 8081 and following, and 8088, if free."""
    health = dict(_list_health_ports(settings.health.port, services))
    chosen = {*health.values(), settings.webhooks.port}

    def choose(preferred: int) -> int:
        usable = preferred not in chosen and is_free(preferred)
        port = preferred if usable else _find_other(chosen)
        chosen.add(port)
        return port

    if not health:
        preferred = _list_health_ports(FIRST_HEALTH_PORT, services)
        health = {service: choose(port) for service, port in preferred.items()}
    return Ports(health, settings.webhooks.port or choose(WEBHOOK_PORT))


def _list_health_ports(first: int, services: Sequence[str]) -> Mapping[str, int]:
    """Return consecutive ports by service; none for port 0."""
    return {service: first + number for number, service in enumerate(services)} if first else {}


def _find_other(chosen: set[int]) -> int:
    return next(port for port in ready.find_free_ports(len(chosen) + 1) if port not in chosen)
