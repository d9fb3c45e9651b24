"""Formats of others: what comes in, and what goes out to their programs."""
