"""The four public classes, and what a ``with`` block does: signatures and documentation, no logic."""
