"""Exports of eye trackers → recordings: one file a format."""
