"""Dead letters: what is stored of a record, and that secrets are blanked."""

import json
from typing import Any

import pytest
from aiokafka import ConsumerRecord

from shared.delivery.dead_letters.store import (
    build_dead_letter,
    read_trusted_company,
    restore_headers,
)
from shared.schema.secret_columns import SECRETS
from tests.support.effort import spent


def record(
    value: bytes | None = b"x", key: bytes | None = None, headers: Any = (), topic: str = "t"
) -> Any:
    return ConsumerRecord(topic, 1, 2, 1_000, 0, key, value, None, 0, 0, headers)


@pytest.mark.parametrize(
    "body",
    [
        b'{"apikey":"SECRET","event":"x"}',
        b'{"apiKey" : "SECRET"',
        b'{"data":{"base64":"SECRET',
        b'{"token":"a\\"SECRET"}',
        rb'{"dataJson":"{\"apikey\":\"SECRET\",\"x\":1}"}',
        rb'{"a":"{\"b\":\"{\\\"accessToken\\\": \\\"SECRET\\\"}\"}"}',
        rb'{"dataJson":"{\"apikey\":\"SECRET',
        b'{"message":{"mediaKey":"SECRET"}}',
        b'{"base64":{"type":"Buffer","data":"SECRET"}}',
        b'{"access_token": "SECRET"}',
        b'{"qrcode":{"a":{"b":["SECRET"]},"c":"}","d":"SECRET"},"x":1}',
        b'{"qrcode":[[1],["]",{"c":"SECRET"}],"SECRET"',
        rb'{"dataJson":"{\"qrcode\":{\"a\":{\"b\":\"}\"},\"c\":\"SECRET\"}}"}',
        rb'{"dataJson":"{\"token\":\"a\\\"SECRET\"}"}',
        b"{'apikey': 'SECRET', 'event': 'x'}",
        b"event=x&apikey=SECRET",
        b"rows%5B0%5D%5Bapikey%5D=SECRET&x=1",
    ],
)
def test_secrets_are_blanked_even_in_a_broken_body(body: bytes) -> None:
    kept = build_dead_letter(record(body), "unreadable-body", "…").body
    assert kept is not None
    assert b"SECRET" not in kept


@pytest.mark.timeout(60)
@pytest.mark.parametrize("run", [rb"\\", b'"', b"'", b"x", b"a]", b"token=", b'{"token":['])
def test_megabytes_of_one_sign_hold_nobody_up(run: bytes) -> None:
    assert build_dead_letter(record(run * 500_000), "r", "d").body is not None


@pytest.mark.timeout(60)
@pytest.mark.parametrize("body", [b"%5D" * 16_000, b"a" + b"%5D" * 16_000 + b"!"])
def test_48_kilobytes_of_brackets_are_soon_looked_through(body: bytes) -> None:
    assert build_dead_letter(record(body), "r", "d").body == body
    assert spent(lambda: build_dead_letter(record(body), "r", "d"), 1) < 2


def test_what_follows_a_secret_is_kept() -> None:
    body = b'{"qrcode":{"a":{"b":"}"}},"event":"x"}'
    assert build_dead_letter(record(body), "r", "d").body == b'{"qrcode":"","event":"x"}'


@pytest.mark.parametrize(
    "body",
    [
        b'{"event":"x","data":{"key":{"id":"A"},"message":{"conversation":"token: 1"}}}',
        rb'{"dataJson":"{\"event\":\"x\"}","body":"\"apikey\""}',
        b"{\"body\":\"apikey=1&token=2, 'token': '3'\"}",
        b"\xff\xfe",
        b"",
    ],
)
def test_nothing_else_is_changed(body: bytes) -> None:
    assert build_dead_letter(record(body), "r", "d").body == body


def test_secret_headers_are_blanked() -> None:
    dead_letter = build_dead_letter(
        record(headers=(("Authorization", b"SECRET"), ("a", b"1"))), "r", "d"
    )
    assert json.loads(dead_letter.headers) == [["Authorization", ""], ["a", "1"]]


def test_a_detail_can_be_stored_whatever_it_quotes() -> None:
    assert build_dead_letter(record(), "r", "\x00called \ud800").detail == "called ?"


@pytest.mark.parametrize(
    ("key", "header", "company"),
    [
        (b"7:1:55", None, 7),
        (b"7:1:55", b"7", 7),
        (b"7:1:55", b"8", None),
        (None, b"8", 8),
        (b"nobody", None, None),
        (None, None, None),
        (b"99999999999:1", None, None),
        (b"\xff", None, None),
    ],
)
def test_the_company_is_claimed_where_header_and_key_agree(
    key: bytes | None, header: bytes | None, company: int | None
) -> None:
    headers = () if header is None else (("ce_companyid", header),)
    assert read_trusted_company(record(key=key, headers=headers)) == company


def test_a_dead_letter_has_no_company_unless_one_is_given() -> None:
    assert build_dead_letter(record(key=b"7"), "r", "d").company_id is None


SECRET_COLUMNS = sorted({name for names in SECRETS.values() for name in names})


@pytest.mark.parametrize("column", SECRET_COLUMNS)
@pytest.mark.parametrize("body", ['{"rows":[{"%s":"SECRET","a":1}]}', '{"rows":[{"%s":"SECRET'])
def test_secret_columns_in_a_request_are_replaced_by_a_mark(body: str, column: str) -> None:
    request = (body % column).encode()
    kept = build_dead_letter(record(request, topic="chatia.tickets.requests"), "r", "d").body
    assert kept is not None
    assert b"SECRET" not in kept
    assert b'"(blanked)"' in kept


def test_null_binary_and_nul_headers_can_be_stored() -> None:
    dead_letter = build_dead_letter(record(headers=(("a", None), ("b", b"\xff\x00"))), "r", "d")
    assert json.loads(dead_letter.headers) == [["a", None], ["b", "\xff"]]


def test_a_header_name_that_is_not_utf_8_is_stored_and_restored_as_text() -> None:
    dead_letter = build_dead_letter(record(headers=(("x-\udcff", b"1"),)), "r", "d")
    assert json.loads(dead_letter.headers) == [["x-\xff", "1"]]
    assert restore_headers(json.loads(dead_letter.headers)) == [(r"x-\xff", b"1")]


def test_headers_are_restored_as_they_were_consumed() -> None:
    headers = [("evento", "ação".encode()), ("título", b"\xff\x80"), ("none", None), ("empty", b"")]
    dead_letter = build_dead_letter(record(headers=headers), "r", "d")
    assert restore_headers(json.loads(dead_letter.headers)) == headers
