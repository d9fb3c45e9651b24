"""People who do not exist, with phenotypes that are known: persons, terms, capture, cohorts."""
