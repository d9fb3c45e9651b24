"""Static figures by matplotlib: each is drawn on given `Axes`, and knows nothing of a database."""
