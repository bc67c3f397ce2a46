"""Values to bytes and back. A format is chosen by the value when it is stored, and by the record when it is read."""
