"""The statements of the messages service."""
