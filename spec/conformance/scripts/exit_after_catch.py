try:
    raise SystemExit(8)
except SystemExit as error:
    print("caught", error.code)
