"""The operations of a memory on memories."""
