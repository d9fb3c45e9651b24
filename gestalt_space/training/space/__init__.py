"""Training of spaces: an encoder, fine-tuned on labelled patients."""
