"""The gateways that can send, by name."""

from shared.gateways.senders import cloud_api, evolution, waha
from shared.gateways.senders.outgoing import Sender

SENDERS = {
    "cloud-api": Sender(
        cloud_api.build_request,
        cloud_api.build_change,
        cloud_api.read_response,
        cloud_api.KEY_HEADER,
        cloud_api.KEY_PREFIX,
        changes=cloud_api.CHANGES,
        is_official=True,
    ),
    "evolution": Sender(
        evolution.build_request,
        evolution.build_change,
        evolution.read_response,
        evolution.KEY_HEADER,
    ),
    "waha": Sender(waha.build_request, waha.build_change, waha.read_response, waha.KEY_HEADER),
}
