"""What v1 files say, a folder each: pure functions from a file to a job."""
