"""Training: of spaces on a gallery's patients (`space`), and of the built-in models."""
