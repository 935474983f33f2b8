"""Run configurations: a .runconfig file to a job."""
