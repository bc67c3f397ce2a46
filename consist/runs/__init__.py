"""The thin API on top of the store: tracker, run, results, options, formats."""
