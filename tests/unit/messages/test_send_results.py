"""Send results: which of several counts, and which acks are results."""

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.messages.domain.keys import LineKey
from services.messages.send_results import rules
from shared.contracts.message_change import MessageAcked
from shared.contracts.send_result import MessageFailed, MessageSent, SendResult
from tests.support.build import CUSTOMER, NOON


def result(send_id: str = "s1", error_class: str | None = None, **members: Any) -> SendResult:
    given = {
        "company_id": 1, "whatsapp_id": 10, "chat": CUSTOMER, "send_id": send_id,
        "timestamp": NOON,
    }  # fmt: skip
    if error_class is None:
        return MessageSent.model_validate(given | members)
    return MessageFailed.model_validate(given | members | {"error_class": error_class})


@given(st.permutations(["unknown", "final_recipient", None]))
def test_of_several_results_of_a_send_sent_is_the_strongest(classes: Sequence[str | None]) -> None:
    batch = [
        result(error_class=error_class, wid=None if error_class else "W1")
        for error_class in classes
    ]
    (strongest,) = rules.plan_results({LineKey(1, 10)}, batch).results.values()
    assert (strongest.status, strongest.wid, strongest.error_class) == ("sent", "W1", None)


def test_only_an_ack_with_a_send_id_is_a_result_and_means_sent() -> None:
    acks = [
        MessageAcked(
            company_id=1, whatsapp_id=10, chat=CUSTOMER, wid=f"W{ack}", timestamp=NOON, ack=ack,
            send_id=send_id,
        )
        for ack, send_id in ((2, None), (-1, "s1"))
    ]  # fmt: skip
    (from_ack,) = rules.plan_from_acks(acks).results.values()
    assert (from_ack.send_id, from_ack.wid, from_ack.status) == ("s1", "W-1", "sent")
