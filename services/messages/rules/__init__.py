"""The decisions of the messages service."""
