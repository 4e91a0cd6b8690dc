"""What follows from an attempt to send, and which sends our sender makes."""

import pytest

from services.messages.domain.keys import LineKey
from services.messages.domain.routes import Route
from services.messages.sending import rules
from shared.contracts.message import MessageSend
from shared.gateways.senders.outgoing import ErrorClass, GatewayResponse
from tests.support.build import CUSTOMER, NOON


@pytest.mark.parametrize(
    ("error_class", "attempts", "expected"),
    [
        (ErrorClass.OK, 1, ("sent", 0, 0)),
        (ErrorClass.UNKNOWN, 1, ("unknown", 0, 0)),
        (ErrorClass.FINAL_RECIPIENT, 1, ("failed", 0, 0)),
        (ErrorClass.FINAL_TEMPLATE, 1, ("failed", 0, 0)),
        (ErrorClass.RETRY, 1, ("waiting", 1, 0)),
        (ErrorClass.RETRY, 3, ("waiting", 16, 0)),
        (ErrorClass.RETRY, 99, ("waiting", 300, 0)),
        (ErrorClass.PAUSE, 1, ("waiting", 30, 30)),
        (ErrorClass.PAUSE, 2, ("waiting", 120, 120)),
        (ErrorClass.PAUSE, 9, ("waiting", 300, 300)),
    ],
)
def test_only_what_was_certainly_not_sent_is_tried_again(
    error_class: ErrorClass, attempts: int, expected: tuple[str, float, float]
) -> None:
    update = rules.decide_update(GatewayResponse(error_class), attempts, 1)
    assert (update.status, update.retry_after_s, update.pause_s) == expected


def test_each_send_is_queued_once_and_only_for_lines_of_our_sender() -> None:
    sends = [
        MessageSend(
            company_id=1, whatsapp_id=line, chat=CUSTOMER, send_id=send_id, body="Oi",
            expires_at=NOON,
        )
        for line, send_id in ((10, "a"), (10, "a"), (11, "b"))
    ]  # fmt: skip
    (row,) = rules.plan_waiting({LineKey(1, 10)}, sends)
    assert (row.send_id, row.wid[:4]) == ("a", "3EB0")
    assert MessageSend.model_validate_json(row.request) == sends[0]


def test_a_claimed_send_has_the_name_and_mime_type_of_its_file() -> None:
    send = MessageSend.model_validate(
        {
            "companyId": 1, "whatsappId": 10, "chat": CUSTOMER, "sendId": "s", "expiresAt": NOON,
            "body": "", "mediaUrl": "https://m.example/1", "fileName": "nf.pdf",
            "mimeType": "application/pdf",
        }
    )  # fmt: skip
    (waiting,) = rules.plan_waiting({LineKey(1, 10)}, [send])
    read = MessageSend.model_validate_json(waiting.request)
    sending = rules.Claim(read, "3EB0", 1, None, None).sending
    assert (sending.file_name, sending.mime_type) == ("nf.pdf", "application/pdf")


META, OTHER = Route("cloud-api", is_window_open=True), Route("waha", is_window_open=False)
TEMPLATE = {"name": "promo", "language": "pt_BR"}
EDIT = {"kind": "edit", "wid": "A1", "fromMe": True}


@pytest.mark.parametrize(
    ("route", "members", "refusal"),
    [
        (META, {"body": "x" * 4_096}, ""),
        (META, {"body": "x" * 4_097}, "text-too-long"),
        (META, {"body": "x" * 4_097, "campaignId": 3}, "text-too-long"),
        (META, {"body": "x" * 1_024, "mediaUrl": "https://m.example/a.png"}, ""),
        (META, {"body": "x" * 1_025, "mediaUrl": "https://m.example/a.png"}, "text-too-long"),
        (META, {"body": "x" * 4_097, "template": TEMPLATE}, ""),
        (OTHER, {"body": "x" * 4_097}, ""),
        (Route("cloud-api", is_window_open=False), {"body": "x" * 4_097}, "outside-window"),
        (META, {"body": "x" * 4_097, "change": EDIT}, "gateway-cannot"),
        (OTHER, {"body": "x" * 4_097, "change": EDIT}, ""),
    ],
)
def test_a_text_that_is_too_long_for_meta_is_not_sent(
    route: Route, members: dict[str, object], refusal: str
) -> None:
    given = {
        "companyId": 1, "whatsappId": 10, "chat": CUSTOMER, "sendId": "s", "expiresAt": NOON,
    }  # fmt: skip
    send = MessageSend.model_validate(given | members)
    assert rules.find_refusal(send, route) == refusal
    if refusal:
        assert rules.build_refusal(refusal).code == refusal
