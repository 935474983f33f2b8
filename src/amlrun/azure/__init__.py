"""Azure ML as a service: where the workspace is, signing in, the calls, and what goes up and comes down."""
