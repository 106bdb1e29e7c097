#: script /no/such/folder/x.py
