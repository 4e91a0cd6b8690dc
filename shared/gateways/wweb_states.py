"""The states in which WhatsApp Web's connection can be, as those of a line."""

from shared.contracts.connection import LineStatus

_SOCKET: dict[str, LineStatus] = {
    "CONNECTED": "CONNECTED",
    "READY": "CONNECTED",
    "OPENING": "OPENING",
    "PAIRING": "OPENING",
    "CONNECTING": "OPENING",
    "INITIALIZING": "OPENING",
    "AUTHENTICATED": "OPENING",
    "UNLAUNCHED": "OPENING",
    "RESUMING": "OPENING",
    "SYNCING": "OPENING",
    "QR": "qrcode",
    "QRCODE": "qrcode",
    "TIMEOUT": "TIMEOUT",
    "CONFLICT": "DISCONNECTED",
    "DISCONNECTED": "DISCONNECTED",
    "DEPRECATED_VERSION": "DISCONNECTED",
    "PROXYBLOCK": "DISCONNECTED",
    "TOS_BLOCK": "DISCONNECTED",
    "SMB_TOS_BLOCK": "DISCONNECTED",
    "LOGOUT": "PENDING",
    "UNPAIRED": "PENDING",
    "UNPAIRED_IDLE": "PENDING",
}

# WPPConnect's and its forerunners' names; compared in lower case, for they changed it.
_FOUND: dict[str, LineStatus] = {
    "inchat": "CONNECTED",
    "issynced": "CONNECTED",
    "successchat": "CONNECTED",
    "chatsavailable": "CONNECTED",
    "islogged": "OPENING",
    "qrreadsuccess": "OPENING",
    "initbrowser": "OPENING",
    "openbrowser": "OPENING",
    "initwhatsapp": "OPENING",
    "successpagewhatsapp": "OPENING",
    "waitforlogin": "OPENING",
    "waitchat": "OPENING",
    "connectbrowserws": "OPENING",
    "phonecode": "qrcode",
    "notlogged": "PENDING",
    "desconnectedmobile": "PENDING",
    "disconnectedmobile": "PENDING",
    "phonenotconnected": "TIMEOUT",
    "devicenotconnected": "TIMEOUT",
    "autoclosecalled": "DISCONNECTED",
    "browserclose": "DISCONNECTED",
    "serverclose": "DISCONNECTED",
    "serverwssnotconnected": "DISCONNECTED",
    "noopenbrowser": "DISCONNECTED",
    "erropagewhatsapp": "DISCONNECTED",
    "closed": "DISCONNECTED",
    "deletetoken": "DISCONNECTED",
    "qrreaderror": "DISCONNECTED",
    "qrreadfail": "DISCONNECTED",
}


def of_socket(state: str) -> LineStatus | None:
    """Read WhatsApp Web's own word for the state of its socket, or a bridge's for a session's."""
    return _SOCKET.get(state.strip().upper())


def of_finding(status: str) -> LineStatus | None:
    """Read what WPPConnect found out while opening a session."""
    return _FOUND.get(status.strip().lower()) or of_socket(status)
