trap
kill -INT $$
echo never
