"""Raw requests of a scoring script. Written from documentation; not Microsoft's code."""
