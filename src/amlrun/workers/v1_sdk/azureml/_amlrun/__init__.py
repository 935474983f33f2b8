"""What the modules of this package share. Written from documentation; not Microsoft's code."""
