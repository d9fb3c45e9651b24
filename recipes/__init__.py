"""What rebuilds the models that come with gestalt-space, from photos: `python -m recipes`."""
