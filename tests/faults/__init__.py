"""The breaking suite: real workers on real servers, broken on purpose, and an auditor."""
