"""Types of messages of WhatsApp Web that no person wrote, each with the reason."""

from shared.gateways.normalize.placeholders import NotWritten

_PIN = NotWritten("pin", "marks a message for all members of the chat")
_NOTICE = NotWritten("system-notice", "a notice of WhatsApp, or for its developers")
_HISTORY = NotWritten("history-notice", "old messages of a group for a new member")
_GROUP = NotWritten("group-update", "a notice of a change of the group")
_POLL_OPTION = NotWritten("poll-option", "a new text or option of a poll")

NOT_WRITTEN = {
    "album": NotWritten("album", "the head of an album; its files come by themselves"),
    "poll_update": NotWritten("poll-vote", "a vote, which comes as an event of its own"),
    "reaction": NotWritten("reaction", "comes as an event of its own"),
    "reaction_enc": NotWritten(
        "encrypted-reaction", "a reaction has no row, and the emoji of this one is encrypted"
    ),
    "pin_message": _PIN,
    "pinned_message": _PIN,
    "keep_in_chat": NotWritten("keep", "keeps a disappearing message"),
    "poll_edit_encrypted": _POLL_OPTION,
    "poll_add_option_encrypted": _POLL_OPTION,
    "poll_add_option_decrypted": _POLL_OPTION,
    "group-history": _HISTORY,
    "history_bundle": _HISTORY,
    "message_history_notice": _HISTORY,
    "revoked": NotWritten("revoke", "a change of the deleted message"),
    "protocol": NotWritten(
        "protocol-message", "settings, keys and synchronisation; edits and revokes are changes"
    ),
    "gp2": _GROUP,
    "group_notification": _GROUP,
    "notification": _NOTICE,
    "notification_template": _NOTICE,
    "broadcast_notification": _NOTICE,
    "e2e_notification": _NOTICE,
    "biz-cover-photo": _NOTICE,
    "guest_upsell_system_msg": _NOTICE,
    "debug": _NOTICE,
    "debug_placeholder": _NOTICE,
    "newsletter_notification": NotWritten("newsletter", "a notice of a channel"),
    "status_notification": NotWritten("status-broadcast", "a notice of a status"),
}
CALL_NOTICE = NotWritten("call-notice", "a call that was taken, or one of ours")
