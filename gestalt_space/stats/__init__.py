"""Conclusions from units that are not independent: designs, resampling, permutation, adjustment and
intervals. Arrays in, figures out; nothing here knows of faces, patients or files."""
