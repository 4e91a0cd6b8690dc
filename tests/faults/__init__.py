"""Fault injection: real workers on real servers, faults at random moments, and an auditor."""
