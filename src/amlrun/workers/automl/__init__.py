"""AutoML's trials: what runs in the job's own Python, with the scikit-learn, LightGBM and pandas that it brings."""
