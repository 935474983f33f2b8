"""2017's way to describe a service's input. Written from documentation; not Microsoft's code."""
