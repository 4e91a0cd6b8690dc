import hashlib
import hmac

import pytest

from shared.gateways.signatures import derive_token, has_token, is_signed

OWN = derive_token("a secret of an operator", "waha", 1, 10)
BODY = '{"event": "message", "olá": 1}'.encode()


def test_each_connection_has_a_token_of_its_own() -> None:
    secret = "a secret of an operator"  # noqa: S105 - nobody's
    tokens = {
        derive_token(secret, gateway, company, line)
        for gateway in ("waha", "evolution")
        for company in (1, 11)
        for line in (1, 10)
    }
    assert len(tokens) == 8
    assert derive_token("another secret", "waha", 1, 10) != OWN


@pytest.mark.parametrize(
    ("headers", "query", "may"),
    [
        ({"authorization": f"Bearer {OWN}"}, {}, True),
        ({"authorization": f"bearer {OWN}"}, {}, True),
        ({"authorization": OWN}, {}, True),
        ({}, {"token": OWN}, True),
        ({}, {}, False),
        ({"authorization": "Bearer "}, {}, False),
        ({"authorization": f"Bearer {OWN[:-1]}"}, {}, False),
        ({}, {"token": "é"}, False),
    ],
)
def test_a_token_is_read_from_a_header_or_from_the_url(
    headers: dict[str, str], query: dict[str, str], may: bool
) -> None:
    assert has_token(headers, query, OWN) is may
    assert is_signed("evolution", BODY, headers, query, token=OWN, app_secrets=[]) is may


@pytest.mark.parametrize("key", ["one", "two"])
def test_meta_signs_with_the_secret_of_one_of_the_apps(key: str) -> None:
    digest = hmac.new(key.encode(), BODY, hashlib.sha256).hexdigest()
    signed = {"x-hub-signature-256": f"sha256={digest}"}
    secrets = ["one", "two"]
    assert is_signed("cloud-api", BODY, signed, {}, token=OWN, app_secrets=secrets)
    assert not is_signed("cloud-api", BODY + b" ", signed, {}, token=OWN, app_secrets=secrets)
    assert not is_signed("cloud-api", BODY, signed, {}, token=OWN, app_secrets=["three"])
    assert not is_signed("cloud-api", BODY, {}, {"token": OWN}, token=OWN, app_secrets=secrets)


def test_without_an_app_secret_no_meta_signature_is_valid() -> None:
    digest = hmac.new(b"", BODY, hashlib.sha256).hexdigest()
    signed = {"x-hub-signature-256": f"sha256={digest}"}
    assert not is_signed("cloud-api", BODY, signed, {}, token=OWN, app_secrets=[])


def test_waha_signs_with_the_connections_token() -> None:
    signed = {"x-webhook-hmac": hmac.new(OWN.encode(), BODY, hashlib.sha512).hexdigest()}
    assert is_signed("waha", BODY, signed, {}, token=OWN, app_secrets=[])
    assert not is_signed("waha", BODY + b" ", signed, {}, token=OWN, app_secrets=[])
    assert not is_signed("waha", BODY, {}, {"token": OWN}, token=OWN, app_secrets=[])
