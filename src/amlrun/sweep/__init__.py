"""Sweeps: samplers, early-termination policies, and the driver that runs the trials here."""
