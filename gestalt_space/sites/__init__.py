"""Other hospitals: they are asked with a descriptor alone, and their lines stand beside ours."""
