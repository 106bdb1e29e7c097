touch a.x b.x; echo *.x *.none
