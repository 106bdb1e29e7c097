import pickle, copyreg
class Point:
    def __init__(self, x):
        self.x = x
    def __repr__(self):
        return "Point(%r)" % self.x
data = pickle.dumps([Point(1), Point])
print(data)
print(pickle.loads(data), Point.__module__, Point.__qualname__)
