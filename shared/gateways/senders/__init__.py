"""Builds gateways' send requests, and reads their responses."""
