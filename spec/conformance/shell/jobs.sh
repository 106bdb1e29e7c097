(sleep 0.02; echo child) & wait; echo done
