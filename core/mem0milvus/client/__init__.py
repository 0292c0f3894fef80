"""The four public classes. Each method holds its signature, its documentation and one call of an operation."""
