"""The encoder: people who carry drawn deformations, and its training."""
