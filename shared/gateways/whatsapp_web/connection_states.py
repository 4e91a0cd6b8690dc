"""Connection states of WhatsApp Web, as states of a line."""

from shared.contracts.connection import LineStatus

_SOCKET_STATES: dict[str, LineStatus] = {
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

# Names of WPPConnect and its predecessors, in lower case because their case varies.
_SESSION_STATES: dict[str, LineStatus] = {
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


def find_socket_status(state: str) -> LineStatus | None:
    """Return the status for a state of WhatsApp Web's socket, or of a bridge's session."""
    return _SOCKET_STATES.get(state.strip().upper())


def find_session_status(status: str) -> LineStatus | None:
    """Return the status for what WPPConnect reports while it opens a session."""
    return _SESSION_STATES.get(status.strip().lower()) or find_socket_status(status)
