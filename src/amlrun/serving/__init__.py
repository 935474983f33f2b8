"""Scoring: one request, a service on this machine, batches of files."""
