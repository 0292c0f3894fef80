"""Extraction: finding what is worth remembering in messages, and writing it."""
