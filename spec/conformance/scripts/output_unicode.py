print("ü € 漢字 😀")
import sys
sys.stderr.write("ü\n")
print("\ud800")
