import sys
def trace(frame, event, arg):
    sys.stderr.write("%s %s %s\n" % (event, frame.f_code.co_name, frame.f_code.co_filename.rpartition("/")[2]))
    return trace
sys.settrace(trace)
print("traced")
