"""Measurements of speed and cost, printed as ratios within one run: `python -m benchmarks`."""
