def fünf():
    raise ValueError("ü 漢字")
fünf()
