"""The run folder: its record, its state, its metrics, and what no record may hold."""
