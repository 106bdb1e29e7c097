import sys
sys.breakpointhook = lambda: print("break")
breakpoint()
