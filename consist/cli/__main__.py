"""``python -m consist.cli``."""

from consist.cli.app import main

if __name__ == "__main__":
    main()
