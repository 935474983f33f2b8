"""Where a job runs, a module each, all with the same verbs: submit, status, logs, cancel, download."""
