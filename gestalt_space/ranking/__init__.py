"""Pure functions on arrays: similarities and owners to rankings."""
