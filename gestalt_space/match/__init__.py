"""From a probe and a question to a match with its evidence."""
