"""What keeps FastStream from reading records: they reach the sorting table as Kafka gave them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from aiokafka import ConsumerRecord
from faststream.message import StreamMessage

Records = tuple[ConsumerRecord[Any, Any], ...]


class RecordsAsTheyAre:
    """A FastStream codec that hands over Kafka's records unread."""

    async def decode(self, msg: StreamMessage[Any]) -> Any:  # noqa: ANN401 - FastStream's protocol
        """Give one record's body."""
        return msg.body

    async def encode(self, msg: Any, serializer: Any = None) -> tuple[bytes, str | None]:  # noqa: ANN401
        """Refuse: facts go out through the outbox, never through FastStream."""
        raise NotImplementedError(type(msg), serializer)

    async def decode_batch(self, msg: StreamMessage[Any]) -> list[Any]:
        """Give the records, offsets and headers included."""
        return cast("list[Any]", msg.raw_message)

    async def encode_batch(
        self,
        msgs: Sequence[Any],
        serializer: Any = None,  # noqa: ANN401
    ) -> list[tuple[bytes, str | None]]:
        """Refuse, as `encode` does."""
        raise NotImplementedError(len(msgs), serializer)


async def without_headers(batch: Records, parse: Any) -> Any:  # noqa: ANN401 - FastStream's parser
    """Keep FastStream from decoding headers: one that is null or binary would lose the batch."""
    message = await parse((replace(batch[0], headers=()),))
    message.raw_message = batch
    return message
