import random
random.randon()
