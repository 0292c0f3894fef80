"""Reading, changing and deleting memories."""
