"""Stored data and its bounds: rows, scopes, namespaces, messages, timestamps, limits."""
