"""Opening one store: its ports; how coroutines run in threads and event loops; locks; background work; files."""
