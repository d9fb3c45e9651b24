"""Cohorts: which patients they have, how alike these are, and what can be concluded from that."""
