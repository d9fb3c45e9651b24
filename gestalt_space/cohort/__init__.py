"""Cohorts: which patients, how alike they are, and what can be concluded from it."""
