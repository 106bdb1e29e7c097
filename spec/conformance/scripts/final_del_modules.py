import sys
class Loud:
    def __del__(self):
        print(sys.is_finalizing(), sys.meta_path, sys.modules is not None)
        import json
keep = Loud()
keep.me = keep
