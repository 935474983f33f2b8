"""HyperDrive files to sweep jobs."""
