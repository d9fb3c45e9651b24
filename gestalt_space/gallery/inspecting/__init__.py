"""Whether a gallery is what it should be: each module looks at one thing, and changes nothing."""
