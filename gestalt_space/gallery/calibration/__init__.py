"""What similarities mean in a gallery: when that is fitted, and how, in steps that can be kept."""
