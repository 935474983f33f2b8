"""AutoML: a search over algorithms and their parameters, driven here as a sweep is, or run by a workspace."""
