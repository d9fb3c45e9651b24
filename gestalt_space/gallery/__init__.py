"""The gallery: the state that is read, the writer, and the way from photos to descriptors."""
