#: script missing.py
