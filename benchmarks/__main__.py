"""``python -m benchmarks NAME``: run one measurement."""

from __future__ import annotations

import argparse

from benchmarks import basics

BENCHMARKS = {"basics": basics.main}


def main() -> None:
    """Read the command line and run what it names."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", choices=BENCHMARKS)
    BENCHMARKS[parser.parse_args().name]()


if __name__ == "__main__":
    main()
