class Thing:
    def __str__(self):
        return "the thing"
raise SystemExit(Thing())
