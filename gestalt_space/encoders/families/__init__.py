"""Families of encoders, one a file. A new file that registers its family is all it takes."""
