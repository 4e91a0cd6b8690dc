"""The decisions of the contacts service."""
