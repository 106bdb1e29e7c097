try:
    with open("big", "wb") as file:
        file.write(b"x" * 100000)
except OSError as error:
    print(error)
import os
print(os.path.getsize("big"))
#: limit FSIZE 5000
