"""Inference, deployment and batch configurations."""
