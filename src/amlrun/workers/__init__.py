"""What runs inside the job's own Python, started by path: standard library, Python 3.7 and newer."""
