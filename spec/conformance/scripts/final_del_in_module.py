import json, os
class Loud:
    def __del__(self):
        os.write(1, b"gone\n")
json.mine = Loud()
