pwd; echo "$PWD"; ls -a
