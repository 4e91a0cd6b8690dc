"""The contacts service's statements: each one serves a whole batch."""
