print("no newline at the end")
#: strip
