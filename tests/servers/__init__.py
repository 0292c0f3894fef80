"""Real servers as child processes of the tests."""
