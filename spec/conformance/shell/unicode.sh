echo "ü 漢字"; printf '\303\274\n'
