"""One ranking of disorders, and one of genes, by all that is known of a patient: the photo, HPO
terms and the exome.
"""
