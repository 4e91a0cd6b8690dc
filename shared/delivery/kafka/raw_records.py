"""A FastStream codec and parser that return Kafka's records undecoded, for `RecordDecoder`."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from aiokafka import ConsumerRecord
from faststream.message import StreamMessage

# `Any` in this module: FastStream's and aiokafka's generics are of any key, body and serializer.
Records = tuple[ConsumerRecord[Any, Any], ...]


class RawRecordParser:
    """A FastStream codec that returns Kafka's records undecoded."""

    async def decode(self, msg: StreamMessage[Any]) -> Any:  # noqa: ANN401 - FastStream's protocol
        """Return one record's body."""
        return msg.body

    async def encode(
        self,
        msg: Any,  # noqa: ANN401 - FastStream's protocol
        serializer: Any = None,  # noqa: ANN401 - FastStream's protocol
    ) -> tuple[bytes, str | None]:
        """Raise NotImplementedError: facts are published from the outbox, not by FastStream."""
        raise NotImplementedError(type(msg), serializer)

    async def decode_batch(self, msg: StreamMessage[Any]) -> list[Any]:
        """Return the records, with offsets and headers."""
        return cast("list[Any]", msg.raw_message)

    async def encode_batch(
        self,
        msgs: Sequence[Any],
        serializer: Any = None,  # noqa: ANN401 - FastStream's protocol
    ) -> list[tuple[bytes, str | None]]:
        """Raise NotImplementedError, as `encode` does."""
        raise NotImplementedError(len(msgs), serializer)


async def parse_without_headers(
    batch: Records,
    parse: Any,  # noqa: ANN401 - FastStream's parser
) -> Any:  # noqa: ANN401 - FastStream's message
    """Parse a batch without headers, because FastStream's parser fails on null or binary ones."""
    message = await parse((replace(batch[0], headers=()),))
    message.raw_message = batch
    return message
