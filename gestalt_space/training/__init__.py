"""Recipes that train the built-in models. torch is imported inside this room alone."""
