"""How good rankings are: metrics, published protocols, and one's own gallery."""
