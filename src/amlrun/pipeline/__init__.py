"""Runs a pipeline: its graph, its checks, its cached steps, its picture."""
