"""Variants of a patient, scores of genes, and the ranking of genes by all scores together."""
