print("unreadable")
#: mode 000
