"""The documents that leave: their fields, versions and files."""
