"""`python -m runner …` is the same as `aml …`."""

from runner.cli import main

if __name__ == "__main__":
    main()
