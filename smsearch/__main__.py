"""`python -m smsearch` is `smsearch`."""

from smsearch.cli import main

if __name__ == "__main__":
    main()
