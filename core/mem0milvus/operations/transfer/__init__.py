"""Taking memories and records out of a store and into another: dump, load, reembed."""
