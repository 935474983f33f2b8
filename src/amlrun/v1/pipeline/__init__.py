"""v1's pipeline YAML (`az ml pipeline create`, `run submit-pipeline -y`) → a v2 pipeline job."""
