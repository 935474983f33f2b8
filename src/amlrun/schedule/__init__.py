"""Schedules on this machine: when they fire, whether one is due, and what a machine's own timer has to be told."""
