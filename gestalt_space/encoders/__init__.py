"""Aligned faces to slots."""
