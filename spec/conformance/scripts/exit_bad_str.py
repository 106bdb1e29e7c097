class Bad:
    def __str__(self):
        raise RuntimeError("no text")
raise SystemExit(Bad())
