"""From what a user has, a table, a folder or a photo with options, to records of photos."""

from gestalt_space.gallery.intake.records import Intake

__all__ = ["Intake"]
