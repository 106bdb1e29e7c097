#: strip
