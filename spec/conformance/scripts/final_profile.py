import sys
def profile(frame, event, arg):
    if event == "call" and "main.py" not in frame.f_code.co_filename:
        sys.stderr.write("call %s\n" % frame.f_code.co_name)
sys.setprofile(profile)
