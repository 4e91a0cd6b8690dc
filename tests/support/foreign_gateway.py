"""A gateway that publishes our events by itself: a right one, and one with a fault each."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from aiokafka import ConsumerRecord

from shared.contracts.message import MessageSend
from shared.delivery.kafka.record import Record

NAMESPACE = "chatia"
LINE = (1, 10)
ANA, BIA = "5511990000001", "5511990000002"
NOBODY = "5511990000000"
Members = dict[str, Any]


class ForeignGateway:
    """Publishes some events of line 10, and answers the sends that it is given.

    It is the topics of a run, in memory; `records` are all that it
    published, `sends` all that it was given.
    """

    def __init__(self, *faults: str) -> None:
        self.faults = frozenset(faults)
        self.records: list[Record] = []
        self.sends: list[MessageSend] = []
        self._polled = 0
        self._wids: dict[str, str] = {}
        self._now = datetime.now(UTC).replace(microsecond=0)
        self._publish_events()

    async def poll(self) -> Sequence[Record]:
        new, self._polled = self.records[self._polled :], len(self.records)
        return new

    async def publish(self, sends: Sequence[MessageSend]) -> None:
        for send in sends:
            self.sends.append(send)
            self._answer(send)

    def put_raw(
        self, topic: str, key: bytes, value: bytes, headers: Sequence[tuple[str, bytes]] = ()
    ) -> None:
        """Publish any record."""
        offset = len(self.records)
        partition = offset % 2 if "any partition" in self.faults else 0
        at = int(datetime.now(UTC).timestamp() * 1000)
        self.records.append(
            ConsumerRecord(
                f"{NAMESPACE}.{topic}", partition, offset, at, 0, key, value, None,
                len(key), len(value), tuple(headers),
            )
        )  # fmt: skip

    def _publish_events(self) -> None:
        wid = f"false_{ANA}@c.us_3EB0A1" if "a wid with its chat" in self.faults else "3EB0A1"
        minutes = [timedelta(minutes=n) for n in (5, 4, 3)]
        text = self._message(wid, minutes[0], body="Oi")
        self._put("message.received", text)
        self._put("message.received", text)
        if "another content" in self.faults:
            self._put("message.received", text | {"body": "Tchau"})
        if "another wid" in self.faults:
            self._put("message.received", text | {"wid": "3EB0A9"})
        if "not in order" in self.faults:
            self._put("message.received", self._message("3EB0A7", minutes[0] * 2, body="Antes"))
        self._put("message.received", self._message("3EB0A2", minutes[1], body="Tudo bem?"))
        chat = self._choose("a group of Meta's", "Y2FwaV9ncm91cA", "120363000000000001")
        group = {"chat": chat, "isGroup": True, "participant": BIA}
        if "a group without author" in self.faults:
            del group["participant"]
        self._put("message.received", self._message("3EB0A3", minutes[2], body="Oi!", **group))
        ack = {"wid": "3EB0A4", "ack": self._choose("ack 9", 9, self._choose("ack 5", 5, 3))}
        self._put("message.changed", self._base(minutes[2]) | ack, "chatia.message.acked.v1")
        state = {"companyId": 1, "whatsappId": 10, "status": "CONNECTED"}
        self._put("connection.changed", state | {"timestamp": self._tell(minutes[2])})
        if "no JSON" in self.faults:
            self.put_raw("message.received", b"1:10:x", b"{", [])
        if "a line that is not registered" in self.faults:
            self._put("message.received", text | {"whatsappId": 77})

    def _message(self, wid: str, ago: timedelta, **more: Any) -> Members:
        name = "Ana \ud83d" if "half an emoji" in self.faults else "Ana"
        return {**self._base(ago), "wid": wid, "pushName": name, **more}

    def _base(self, ago: timedelta) -> Members:
        chat = ANA
        for fault, written in (
            ("a chat with a device", f"{ANA}:12@s.whatsapp.net"),
            ("a chat with a server", f"{ANA}@c.us"),
            ("a chat with a plus sign", f"+{ANA}"),
            ("a chat that is no number", "(11)99000-0001"),
            ("a BSUID", "br.13491208655302741918"),
        ):
            chat = self._choose(fault, written, chat)
        more = {"mediaURL": "x"} if "an unknown member" in self.faults else {}
        return {
            "companyId": 1,
            "whatsappId": 10,
            "chat": chat,
            "timestamp": self._tell(ago),
            **more,
        }

    def _tell(self, ago: timedelta) -> str | int:
        at = self._now - ago
        if "local time" in self.faults:
            return (at - timedelta(hours=3)).isoformat().removesuffix("+00:00")
        if "local time as UTC, ahead" in self.faults:
            return int((at + timedelta(hours=2) + ago).timestamp())
        if "local time as UTC, behind" in self.faults:
            return int((at - timedelta(hours=3) + ago).timestamp())
        if "a time in the future" in self.faults:
            return int((at + timedelta(minutes=17) + ago).timestamp())
        return int(at.timestamp())

    def _choose(self, fault: str, wrong: Any, right: Any) -> Any:
        return wrong if fault in self.faults else right

    def _answer(self, send: MessageSend) -> None:
        is_repeated = send.send_id in self._wids
        if "no answer" in self.faults or (is_repeated and "sends again" not in self.faults):
            return
        is_expired = send.expires_at < datetime.now(UTC) and "sends expired" not in self.faults
        is_nobody = send.chat == NOBODY and "a wrong error class" not in self.faults
        wid = self._wids[send.send_id] = f"3EB0S{len(self.records)}"
        result: Members = self._base(timedelta()) | {"chat": send.chat, "sendId": send.send_id}
        if is_expired or is_nobody or send.chat == NOBODY:
            name = (
                "expired"
                if is_expired
                else self._choose("a wrong error class", "no_one", "final_recipient")
            )
            failed = result | {"errorClass": name}
            self._put("message.answered", failed, "chatia.message.failed.v1")
            return
        sent = result | {"wid": wid}
        if "no wid" in self.faults:
            del sent["wid"]
        if "an answer without sendId" in self.faults:
            del sent["sendId"]
        for _ in range(self._choose("answers twice", 2, 1)):
            self._put("message.answered", sent, "chatia.message.sent.v1")
        if "no echo" not in self.faults:
            own = self._message(wid, timedelta(), body=send.body, fromMe=True, chat=send.chat)
            self._put("message.received", own)

    def _put(self, topic: str, members: Members, type_name: str = "") -> None:
        chat = str(members.get("chat", "")).partition("@")[0].partition(":")[0].removeprefix("+")
        key = ":".join(
            str(part) for part in (members["companyId"], members["whatsappId"], chat) if part
        )
        if "a wrong key" in self.faults:
            key = str(members.get("chat", "x"))
        body = members
        number = len(self.records)
        headers = {
            "ce_specversion": "1.0",
            "ce_id": str(number),
            "ce_source": "gateway",
            "ce_type": type_name,
        }
        if not type_name:
            headers = {}
        if "structured" in self.faults and type_name:
            attributes = {name.removeprefix("ce_"): value for name, value in headers.items()}
            body = {**attributes, "data": members}
            name = "application/cloudevents+json"
            name = self._choose("a content type in capitals", name.title(), name)
            headers = self._choose("without its content type", {}, {"content-type": name})
        if "no type" in self.faults:
            headers = {}
        if "another company in the headers" in self.faults:
            headers["ce_companyid"] = "2"
        if "headers without an id" in self.faults:
            headers.pop("ce_id", None)
        pairs = [(name, value.encode()) for name, value in headers.items()]
        self.put_raw(topic, key.encode(), json.dumps(body).encode(), pairs)
