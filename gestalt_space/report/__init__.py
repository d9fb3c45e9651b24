"""Figures and pages to look at: general, and told nothing of galleries."""
