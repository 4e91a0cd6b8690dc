"""Finds environment variables that look like ours, but that no part of the program reads."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from typing_extensions import override

from shared.settings import LINE_VARIABLES, MODELS

OURS = re.compile(r"(CHATIA|DB|KAFKA|ROLE_PASSWORD)_")
LINE = "_<companyId>_<whatsappId>"

# Read elsewhere than in shared/settings.py: by embedded servers, single commands and tests.
OTHERS = (
    "CHATIA_CACHE",
    "CHATIA_MAVEN_REPOSITORY",
    "CHATIA_CONFORMANCE_TOKEN",
    "CHATIA_CONFORMANCE_APP_SECRET",
    "CHATIA_GATEWAY_SIM_SECRET",
    "CHATIA_TEST_DAYS",
    "CHATIA_TEST_MUTATIONS",
    "CHATIA_TEST_SHUFFLES",
    "ROLE_PASSWORD_TICKETS",
    "ROLE_PASSWORD_MESSAGES",
    "ROLE_PASSWORD_CONTACTS",
    "ROLE_PASSWORD_CAMPAIGNS",
    "ROLE_PASSWORD_READER",
)

LINES = re.compile(rf"({'|'.join(LINE_VARIABLES)})_[0-9]+_[0-9]+")

# Other programs' variables: Kubernetes names the services of its namespace, and Kafka's own
# scripts have settings.
OF_KUBERNETES = re.compile(r"_SERVICE_(HOST|PORT)|_PORT_[0-9]+_(TCP|UDP|SCTP)|KAFKA_PORT$")
OF_KAFKA = re.compile(r"KAFKA_(HOME|DEBUG|([A-Z0-9]+_){0,4}OPTS)")


@dataclass(frozen=True, slots=True)
class UnreadVariable:
    """A variable that is set and not read, and the name that was probably meant, or none."""

    name: str
    nearest: str | None

    @override
    def __str__(self) -> str:
        meant = f"; did you mean {self.nearest}?" if self.nearest else "."
        return f"The environment variable {self.name} is not read by anything{meant}"


def find_unread(names: Iterable[str]) -> list[UnreadVariable]:
    """Return the variables with one of our prefixes that nobody reads, sorted by name."""
    known = list_known()
    return [
        UnreadVariable(name, _find_nearest(name, known))
        for name in sorted(names)
        if OURS.match(name.upper())
        # pydantic-settings reads a setting in any case, but lines' variables in capitals only.
        and name.upper() not in known
        and not LINES.fullmatch(name)
        and not _is_foreign(name.upper())
    ]


def list_known() -> set[str]:
    """Return the names of all variables that are read, except those of single lines."""
    known = set(OTHERS)
    for model in MODELS:
        prefix = str(model.model_config.get("env_prefix", ""))
        for name, field in model.model_fields.items():
            known.add((field.alias or f"{prefix}{name}").upper())
    return {name for name in known if OURS.match(name)}


def _find_nearest(name: str, known: set[str]) -> str | None:
    patterns = {variable: f"{variable}{LINE}" for variable in LINE_VARIABLES}
    candidates = [*sorted(known), *patterns, *patterns.values()]
    nearest = get_close_matches(name.upper(), candidates, n=1, cutoff=0.75)
    beginning = next((v for v in LINE_VARIABLES if name.upper().startswith(f"{v}_")), None)
    found = beginning or (nearest[0] if nearest else None)
    return patterns.get(found, found) if found else None


def _is_foreign(name: str) -> bool:
    return bool(OF_KUBERNETES.search(name) or OF_KAFKA.fullmatch(name))
