"""Payloads by recipe: a seed, genes and a size; the same recipe gives the same record."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from random import Random

from pydantic import JsonValue
from typing_extensions import override

from shared.contracts.gateway import GatewayReceived
from tests.faults.expensive.growth import PATTERNS, grow_body
from tests.faults.expensive.seeds import (
    COMPANY_ID,
    EVOLUTION,
    HEADERS,
    POSTED,
    RECEIVED_AT,
    STRUCTURED,
    TEXT,
    WHATSAPP_ID,
    Seed,
    load_seeds,
)
from tests.support.any_records import AnyRecord

LARGEST = 3_500_000  # bytes of a body: what a gateway may post
PIECES = (
    *PATTERNS, '{"a":', '{"', '":"', '","', '":', '"}', '{"a":1,', "[1,", '"a\\', "'a':'",
    '"token":{', '"token":[', '\\"token\\":\\"', '"token":', "token=", "a%5D=", "a]=", "a]",
    "NaN", "-Infinity", "1e999", "//", "/*", "\x00", "a", "token", "&token", ";", " ", "\\u",
    "\\ud83d", "--", "\n\n", '\\\\\\"', "1", ",",
    "{}", "[]", "&", "a.b-c", '"a" ', '"a" :', '{"event":"messages.upsert",',
    "a" * 61, '"' + "a" * 61, "event=messages.upsert&data%5Bkey%5D%5Bid%5D=",
)  # fmt: skip
RUN_OF_ONE = 3
HEADER_NAMES = ("ce_type", "ce_companyid", "ce_source", "content-type", "x", "token", "\udcff", "é")


@dataclass(frozen=True, slots=True)
class Recipe:
    """Seed, genes and size, from which a payload is built again."""

    seed: str
    genes: tuple[int, ...]
    size: int

    @override
    def __str__(self) -> str:
        return f"{self.seed}~{'.'.join(map(str, self.genes))}@{self.size}"

    @property
    def family(self) -> str:
        """The group of seeds that is reported together."""
        return load_seeds()[self.seed].family

    @classmethod
    def read(cls, written: str) -> "Recipe":
        """Parse what `str` wrote."""
        rest, _, size = written.rpartition("@")
        seed, _, genes = rest.rpartition("~")
        return cls(seed, tuple(int(gene) for gene in genes.split(".") if gene), int(size))


@dataclass(frozen=True, slots=True)
class Payload:
    """A record, and the topic it is published on, without the namespace."""

    topic: str
    is_evolutions: bool
    record: AnyRecord


def build_payload(recipe: Recipe) -> Payload:
    """Make the record of a recipe."""
    seed = load_seeds()[recipe.seed]
    is_evolutions = seed.kind == EVOLUTION or recipe.seed == f"{TEXT}/record/{EVOLUTION}"
    return Payload(seed.topic, is_evolutions, _record(seed, recipe))


def _record(seed: Seed, recipe: Recipe) -> AnyRecord:
    key = f"{COMPANY_ID}:{WHATSAPP_ID}:1".encode()
    if seed.kind == HEADERS:
        return _with_headers(recipe, key)
    body = (
        _text(recipe)
        if seed.kind == TEXT
        else grow_body(seed.body, recipe.genes, recipe.size, _others(seed))
    )
    raw = body.encode("utf-8", "surrogatepass")[:LARGEST]
    headers: tuple[tuple[bytes, bytes | None], ...] = ()
    if seed.type:
        headers = ((b"ce_type", seed.type.encode()),)
    if seed.kind == STRUCTURED:
        headers = ((b"content-type", b"application/cloudevents+json"),)
        raw = b'{"specversion":"1.0","type":"%s","data":%s}' % (seed.type.encode(), raw)
    if seed.topic == GatewayReceived.topic:
        raw = _envelope(_gateway(seed), raw)
    return AnyRecord(key, raw, headers, int(RECEIVED_AT.timestamp() * 1000))


def _gateway(seed: Seed) -> str:
    return seed.name.split("/")[1 if seed.kind == POSTED else 2]


def _envelope(gateway: str, raw: bytes) -> bytes:
    posted = GatewayReceived(
        company_id=COMPANY_ID, whatsapp_id=WHATSAPP_ID, gateway=gateway, received_at=RECEIVED_AT,
        body=raw.decode("utf-8", "backslashreplace"),
    )  # fmt: skip
    return posted.model_dump_json(by_alias=True).encode()


@cache
def _of_family(family: str) -> Sequence[JsonValue]:
    return [seed.body for seed in load_seeds().values() if seed.family == family]


def _others(seed: Seed) -> Sequence[JsonValue]:
    return _of_family(seed.family)


def _text(recipe: Recipe) -> str:
    """Repeat some pieces between some others: JSON cut off, forms, quotes, backslashes."""
    text, share = "", recipe.size // max(1, len(recipe.genes))
    for gene in recipe.genes:
        before, unit, after = _pieces(gene)
        text += before + unit * max(1, share // len(unit.encode("utf-8", "replace"))) + after
    return text


def _pieces(gene: int) -> tuple[str, str, str]:
    """Choose what is repeated, and what stands before and after it; every third gene: one piece."""
    if gene % RUN_OF_ONE == 0:
        return "", PIECES[gene // RUN_OF_ONE % len(PIECES)], ""
    random = Random(gene)
    before, unit, after = (
        "".join(random.choices(PIECES, k=random.choice(most)))
        for most in ((0, 0, 1, 2), (1, 1, 2, 3), (0, 0, 1, 2))
    )
    return before, unit, after


def _with_headers(recipe: Recipe, key: bytes) -> AnyRecord:
    headers: list[tuple[bytes, bytes | None]] = []
    value: bytes | None = json.dumps({"companyId": COMPANY_ID}).encode()
    share = recipe.size // max(1, len(recipe.genes))
    for gene in recipe.genes:
        random = Random(gene)
        name = random.choice(HEADER_NAMES).encode("utf-8", "surrogateescape")
        piece = random.choice(PATTERNS).encode("utf-8", "replace")
        match random.randrange(4):
            case 0:
                headers += [(name, piece)] * (share // (len(name) + len(piece) + 4))
            case 1:
                headers.append((name, piece * (share // len(piece))))
            case 2:
                headers.append((piece * (share // len(piece)), b"1"))
            case _:
                key += piece * (share // len(piece))
    return AnyRecord(key, value, tuple(headers), int(RECEIVED_AT.timestamp() * 1000))
