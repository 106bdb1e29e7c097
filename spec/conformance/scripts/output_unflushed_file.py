# A file that nobody closes is written at the end.
file = open("out.txt", "w")
file.write("content")
import atexit, os
pid = os.getpid()
@atexit.register
def last():
    print(os.path.getsize("out.txt"))
class AtEnd:
    def __del__(self):
        if os.getpid() == pid:
            os.write(1, b"del\n")
keep = AtEnd()
