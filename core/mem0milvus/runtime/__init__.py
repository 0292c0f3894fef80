"""The runtime of one open store: its ports, drivers for threads and event loops, locks, background adds, files."""
