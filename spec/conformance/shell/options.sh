echo $-
set -o
