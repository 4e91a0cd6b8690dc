"""The auditor finds BSUIDs that are missing or belong to somebody else."""

from types import SimpleNamespace

import pytest

from shared.dev.demo.records import SampleRecord
from tests.faults.audit_user_ids import check_user_ids
from tests.faults.findings import LOST, WRONG

TOPIC = "chatia.message.received"
BODY = b'{"companyId": 1, "chat": "5511900000001", "bsuid": "BR.5511900000001"}'


def row(**members: object) -> SimpleNamespace:
    given = {"company_id": 1, "user_id": "BR.5511900000001"}
    return SimpleNamespace(**given, **members)


RIGHT = row(number="5511900000001", of_contact="5511900000001")


@pytest.mark.parametrize(
    ("rows", "kinds"),
    [
        ([RIGHT], []),
        ([], [LOST]),
        ([row(number="5511900000001", of_contact="5511900000002")], [WRONG]),
        ([row(number=None, of_contact="5511900000001")], [WRONG]),
        ([row(number="5511900000001", of_contact=None)], [WRONG]),
    ],
)
def test_a_bsuid_has_the_number_and_the_contact_that_were_published(
    rows: list[SimpleNamespace], kinds: list[str]
) -> None:
    published = SampleRecord(topic=TOPIC, key=None, value=BODY)
    assert [finding.kind for finding in check_user_ids([published], TOPIC, rows)] == kinds
