"""Search engines that others keep: one contract, one engine a file."""
