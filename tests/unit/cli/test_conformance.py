"""Wrong options of `chatia conformance` are explained before anything is posted or sent."""

import pytest

from tests.support.chatia import chatia
from tests.support.probes import free_port

URL = "http://127.0.0.1:9/gateways/waha/1/10"
TOKEN = {"CHATIA_CONFORMANCE_TOKEN": "not to be printed"}


@pytest.mark.parametrize(
    ("words", "environment", "said"),
    [
        (("webhook", "telegram", URL), TOKEN, "The gateway telegram is not known"),
        (("webhook", "waha", "ftp://x?token=1"), TOKEN, "The endpoint ftp://x is no http address"),
        (("webhook", "waha", URL), {}, "Set CHATIA_CONFORMANCE_TOKEN"),
        (("webhook", "cloud-api", URL), TOKEN, "Set CHATIA_CONFORMANCE_APP_SECRET"),
        *(
            (
                ("topic", "--company", "1", "--line", "10", "--send-to", number),
                {},
                "is not written in digits only",
            )
            for number in ("+55 11", "91234567890123@lid", "BR.13491208655302741918", "٠١٢٣٤٥")
        ),
    ],
)
def test_a_wrong_option_ends_with_2(
    words: tuple[str, ...], environment: dict[str, str], said: str
) -> None:
    ended = chatia("conformance", *words, environment=environment)
    assert (ended.code, said in ended.complaint) == (2, True)


def test_an_endpoint_that_does_not_answer_ends_with_3_and_prints_no_token() -> None:
    url = f"http://127.0.0.1:{free_port()}/gateways/waha/1/10"
    token = TOKEN["CHATIA_CONFORMANCE_TOKEN"]
    ended = chatia("conformance", "webhook", "waha", f"{url}?token={token}", environment=TOKEN)
    assert (ended.code, "does not answer" in ended.complaint) == (3, True)
    assert token not in ended.answer + ended.complaint
