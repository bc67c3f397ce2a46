"""``python -m consist``."""

from consist.cli.entry import main

if __name__ == "__main__":
    main()
