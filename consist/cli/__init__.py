"""The command line: the only code that prints. One verb a file, loaded when it is named (``app.py``)."""
