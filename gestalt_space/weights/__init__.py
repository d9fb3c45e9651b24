"""The model store: the catalogue, fetching, adding, verifying."""
