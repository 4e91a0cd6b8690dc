"""WPPConnect Server."""
