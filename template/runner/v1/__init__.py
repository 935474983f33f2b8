"""What v1 files say, a module each: pure functions from a file to a job."""
