"""`python -m amlrun …` is the same as `aml …`."""

from amlrun.cli import main

if __name__ == "__main__":
    main()
