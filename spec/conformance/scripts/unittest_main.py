import unittest
class T(unittest.TestCase):
    def test_good(self):
        self.assertEqual(1, 1)
    def test_bad(self):
        self.assertEqual(1, 2)
unittest.main(verbosity=0, argv=["x"]) if False else unittest.TextTestRunner(verbosity=0, descriptions=False, resultclass=None)
suite = unittest.defaultTestLoader.loadTestsFromTestCase(T)
result = unittest.TestResult()
suite.run(result)
print(result)
for test, text in result.failures:
    print(text)
