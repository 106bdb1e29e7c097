# Two processes have different random numbers: printed only as a fact.
import random, os, uuid, secrets, tempfile
print(0 <= random.random() < 1, len(os.urandom(4)), uuid.uuid4().version, len(secrets.token_hex(4)))
random.seed(42)
print(random.random(), random.randint(1, 100), random.sample(range(10), 3))
