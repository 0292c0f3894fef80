"""What is stored and its bounds: rows, scopes, namespaces, messages, timestamps, limits."""
