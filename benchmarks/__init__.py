"""Benchmarks: each prints one table and keeps it under `results/`."""
