exec echo replaced
