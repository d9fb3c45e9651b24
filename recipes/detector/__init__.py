"""The detector: pictures with faces, a teacher, and two trainings."""
