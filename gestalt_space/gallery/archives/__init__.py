"""Folders that leave the home: backups, and exports for other homes."""
