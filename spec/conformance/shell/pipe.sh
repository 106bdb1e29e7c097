echo a b c | tr ' ' '\n' | wc -l
