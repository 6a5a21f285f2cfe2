"""`python -m benchmarks`: see `benchmarks.command`."""

from benchmarks.command import main

if __name__ == "__main__":
    main()
