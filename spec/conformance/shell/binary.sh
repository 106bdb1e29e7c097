printf '\000\001\377' | od -c
