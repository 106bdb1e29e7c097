trap 'echo bye' EXIT
trap 'echo term' TERM
kill -TERM $$
exit 3
