"""Terms of the Human Phenotype Ontology, and what they say about disorders and genes. It knows no
gallery and reads no photo.
"""
