"""Finding what is worth remembering in what was said."""
