"""The decisions of the tickets service."""
