"""Inference for units that are not independent: designs, resampling, permutation tests, adjustment
for multiple tests, and confidence intervals. It works on arrays; nothing here knows of faces,
patients or files."""
