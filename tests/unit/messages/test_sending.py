"""What follows from an attempt to send, and which sends our sender makes."""

import pytest

from services.messages.domain.keys import LineKey
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
