import random, hashlib, hmac, secrets, uuid, tempfile, os
first = random.getstate()
random.seed("text")
print(random.random(), random.gauss(0, 1), random.getrandbits(70))
print(random.getstate()[0], first != random.getstate(), random.SystemRandom().random() < 1)
print(random.choices("abc", k=3), random._inst is not None)
print(hashlib.new("sha256", b"x").hexdigest()[:8], hashlib.blake2b(b"x").hexdigest()[:8])
print(hmac.new(b"k", b"m", "md5").hexdigest(), secrets.compare_digest("a", "a"))
print(uuid.uuid5(uuid.NAMESPACE_DNS, "x"), uuid.uuid4() != uuid.uuid4())
with tempfile.TemporaryDirectory() as folder:
    print(os.path.dirname(folder), tempfile.gettempdir(), len(os.path.basename(folder)))
try:
    import ssl
    print(ssl.OPENSSL_VERSION.split()[0], len(ssl.RAND_bytes(4)), ssl.create_default_context().check_hostname)
except ImportError as error:
    print(error)
