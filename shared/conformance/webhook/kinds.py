"""The valid payloads and the batches of every gateway, by its name."""

from collections.abc import Callable

from shared.conformance.webhook import kinds_baileys, kinds_cloud, kinds_web
from shared.conformance.webhook.kind import Kinds, Payload

KINDS: dict[str, Kinds] = {
    "baileys": kinds_baileys.BAILEYS,
    "cloud-api": kinds_cloud.CLOUD_API,
    "evolution": kinds_baileys.EVOLUTION,
    "evolution-go": kinds_baileys.EVOLUTION_GO,
    "waha": kinds_web.WAHA,
    "whatsapp-web-js": kinds_web.WHATSAPP_WEB_JS,
    "wppconnect": kinds_web.WPPCONNECT,
}
# Of the gateways that put several statuses or messages into one post.
BATCHES: dict[str, Callable[[str, int], Payload]] = {
    "baileys": kinds_baileys.build_bridge_batch,
    "cloud-api": kinds_cloud.build_cloud_batch,
    "evolution": kinds_baileys.build_evolution_batch,
    "evolution-go": kinds_baileys.build_go_batch,
    "whatsapp-web-js": kinds_web.build_bridge_batch,
}
