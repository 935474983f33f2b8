"""The job in Azure ML v2's own words: plain dataclasses, and the YAML door in and out."""
