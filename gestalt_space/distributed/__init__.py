"""Work on several machines by Ray: an ordered, bounded map of items over workers that are replaced
when they die. Knows neither photos nor galleries."""
