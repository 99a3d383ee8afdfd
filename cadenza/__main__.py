"""`python -m cadenza`."""

from cadenza.cli import main

if __name__ == "__main__":
    main()
