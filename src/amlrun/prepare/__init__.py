"""What a run needs before it starts: snapshot, environment, data, launch specification."""
