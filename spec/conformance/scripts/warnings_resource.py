import warnings
warnings.simplefilter("always")
open("main.py")
