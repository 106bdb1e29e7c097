echo $(printf '%s-' a b c) `echo old`
