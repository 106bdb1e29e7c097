error = ValueError("noted")
if hasattr(error, "add_note"):
    error.add_note("a note")
raise error
