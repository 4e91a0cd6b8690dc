"""Facts as records, and in the outbox of a checkpoint."""

from hypothesis import given
from hypothesis import strategies as st

from shared.delivery.checkpoints.outbox_format import pack, unpack
from shared.delivery.kafka.outgoing import Origin, OutgoingRecord, choose_partition, encode_fact
from tests.support.build import routed

ORIGIN = Origin("deployment/tickets/chatia.message.identified/3/0", 41, 1_787_228_103_000)


def encoded(index: int = 0) -> OutgoingRecord:
    return encode_fact(routed(), ORIGIN, index, "chatia.message.routed", lambda _: 12)


def test_the_same_cause_gives_the_same_record() -> None:
    assert encoded() == encoded()


def test_a_facts_sequence_grows_with_offset_and_index() -> None:
    sequences = [
        Origin("s", n, 0).build_sequence(i) for n, i in ((9, 5), (10, 0), (10, 1), (10, 10))
    ]
    assert sequences == sorted(sequences)


def test_headers_name_type_source_company_and_sequence() -> None:
    headers = dict(encoded(2).headers)
    assert headers["ce_type"] == "chatia.message.routed.v1"
    assert headers["ce_source"] == ORIGIN.source
    assert headers["ce_companyid"] == "1"
    assert headers["ce_sequence"] == "00000000000000000041.000002"


def test_what_is_packed_comes_out_as_it_went_in() -> None:
    records = [encoded(0), encoded(1)]
    assert unpack(pack(records)) == records


def test_nothing_to_tell_needs_no_outbox() -> None:
    assert (pack([]), unpack(None)) == (None, [])


@given(st.text(min_size=1), st.integers(1, 200))
def test_a_key_has_one_partition_and_it_exists(key: str, partitions: int) -> None:
    assert 0 <= choose_partition(key, partitions) < partitions


def test_keys_go_where_the_java_client_puts_them() -> None:
    # Published vectors of Kafka's own murmur2 test: 21 → -973932308, foobar → -790332482.
    assert choose_partition("21", 2**31) == (-973932308) & 0x7FFFFFFF
    assert choose_partition("foobar", 2**31) == (-790332482) & 0x7FFFFFFF
