"""Crops outside the database: in a folder or an object store, encrypted with a key from outside."""
