read line; echo "got $line"; cat
#: stdin first\nsecond\nthird\n
