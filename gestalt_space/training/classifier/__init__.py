"""Training of classifiers in the manner of DeepGestalt (Gurovich 2019): one network a region."""
