"""The messages service: lines, messages, sends, webhooks, and requests to gateways."""
