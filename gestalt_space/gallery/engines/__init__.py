"""Search engines of a gallery: which ones, how they follow the database, and how they search."""
