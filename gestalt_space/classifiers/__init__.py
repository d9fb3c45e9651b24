"""Classifiers in the manner of DeepGestalt (Gurovich 2019): an aligned face to probabilities of
classes, by one network a region of the face."""
