"""Eye tracking: where and when readers look at a face."""
