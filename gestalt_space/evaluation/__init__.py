"""How good rankings are: metrics, published protocols, and the user's own gallery."""
