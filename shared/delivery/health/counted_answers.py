"""Counts the answers of an HTTP application by their status."""

from shared.delivery.health.http_server import Application, Message, Receive, Send
from shared.metrics import instruments


def count_answers(application: Application) -> Application:
    """Return the application with each of its answers counted; it answers the same."""

    async def answer(scope: Message, receive: Receive, send: Send) -> None:
        async def count_and_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                instruments.POSTS.labels(str(message["status"])).inc()
            await send(message)

        await application(scope, receive, count_and_send)

    return answer
