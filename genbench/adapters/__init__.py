"""Models of other libraries, measured like our own."""
