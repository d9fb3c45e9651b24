"""What a user would search descriptors with instead: one file a rival, run in its own environment.

The files of rivals, `protocol` and `child` import NumPy, the standard library and the rival alone.
"""
