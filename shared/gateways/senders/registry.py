"""Every gateway that can be asked to send, by name."""

from shared.gateways.senders import cloud_api, evolution, waha
from shared.gateways.senders.outgoing import Sender

SENDERS = {
    "cloud-api": Sender(cloud_api.post, cloud_api.read, cloud_api.KEY_HEADER, cloud_api.KEY_PREFIX),
    "evolution": Sender(evolution.post, evolution.read, evolution.KEY_HEADER),
    "waha": Sender(waha.post, waha.read, waha.KEY_HEADER),
}
