"""Members that a contract does not have."""

from shared.contracts.error_texts import LONGEST_QUOTED
from shared.contracts.ignored import MOST_NAMES, find_ignored
from shared.contracts.message import MessageReceived
from shared.contracts.ticket_request import TicketClose


def test_members_of_the_contract_are_not_ignored_by_either_name() -> None:
    assert find_ignored(TicketClose, {"companyId": 1, "ticket_id": 2, "silent": True}) == ()


def test_other_members_are_named_in_order_also_those_of_inner_objects() -> None:
    body = {"mediaURL": "x", "referral": {"sourceId": "1", "click": "y"}, "Body": ""}
    assert find_ignored(MessageReceived, body) == ("mediaURL", "referral.click", "Body")  # type: ignore[arg-type]


def test_the_list_of_names_and_each_name_are_bounded() -> None:
    names = find_ignored(TicketClose, {f"{n}{'x' * 9_000}": 1 for n in range(1_000)})
    assert len(names) == MOST_NAMES
    assert {len(name) for name in names} == {LONGEST_QUOTED + 1}


def test_a_body_that_is_no_object_has_no_members() -> None:
    assert find_ignored(TicketClose, ["silent"]) == ()
