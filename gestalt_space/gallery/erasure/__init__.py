"""Erasing patients: what is looked for, the search through raw bytes, and what is left to do."""
