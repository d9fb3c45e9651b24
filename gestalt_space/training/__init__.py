"""Training: of spaces on a gallery's patients (`space`), and what the recipes share with it."""
