"""This machine: what works on it, and what a faster precision gains here."""
