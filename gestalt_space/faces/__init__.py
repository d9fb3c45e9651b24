"""Photos to aligned faces."""
